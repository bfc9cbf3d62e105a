"""`--task answer,caption,match`: one picture encoder that all tasks teach, and a whole model for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet
from motet.cli.columns import Columns
from motet.cli.train_several import task_schemas
from motet.data import Schema, Table, read_table
from motet.deployment import AnswerOptions, CaptionOptions, MatchOptions
from motet.deployment.lessons import make_lessons, share_pictures
from motet.deployment.several import SeveralOptions, build_several
from motet.errors import ModelError, TableError, UsageError
from motet.training.answer_settings import AnswerSettings
from motet.training.caption_settings import CaptionSettings
from motet.training.match_settings import MatchSettings
from motet.training.together import TogetherSettings
from test_caption_models import drawn_table

NAMES = ("answer", "caption", "match")
CAPTIONS = CaptionSettings(
    vocabulary=300, longest=24, width=32, heads=2, layers=1, dropout=0.0, epochs=3, least_steps=0, pictures=16
)
TASKS: Mapping[str, Any] = {
    "answer": AnswerOptions(training=AnswerSettings(width=32, epochs=2)),
    "caption": CaptionOptions(training=CAPTIONS),
    "match": MatchOptions(
        text_encoders=("lexical",),
        training=MatchSettings(width=16, hidden=16, epochs=2, least_steps=2, members=1, pictures=16),
    ),
}
SEVERAL = SeveralOptions(TASKS, TogetherSettings(epochs=2, weighting="uncertainty"))


def asked_table() -> dict[str, list[Any]]:
    rows = drawn_table()
    rows["question"] = ["which colour is it?" if i % 2 else "which shape is it?" for i in range(48)]
    rows["answer"] = [
        said.split()[1 if i % 2 else 2] for i, said in enumerate(rows["said"])
    ]  # "a red disc on black ."
    return rows


def schemas_of(table: Table, split: str | None = "split") -> dict[str, Schema]:
    columns = Columns(image=["photo"], text=["said", "said_too"], split_column=split)
    return task_schemas(table, NAMES, columns, ["question"], ["answer"], None)


def test_a_group_that_tests_one_task_teaches_none() -> None:
    """Every picture is of a pair of two, and each task draws its own sides."""
    rows = asked_table()
    del rows["split"]
    rows["pair"] = [str(at // 2) for at in range(48)]
    table = read_table(rows)
    grouped, alone = (
        task_schemas(
            table,
            NAMES,
            Columns(image=["photo"], text=["said", "said_too"], group=group),
            ["question"],
            ["answer"],
            None,
        )
        for group in ("pair", None)
    )
    schemas = grouped | {"answer": alone["answer"]}  # which parts some of the pairs
    shared = share_pictures(table, schemas, TASKS, 0)
    teach, others = (
        {rows["pair"][row] for row in range(48) if shared.number[row] >= 0 and which[shared.number[row]]}
        for which in (shared.teaches, ~shared.teaches)
    )
    assert teach and others and not teach & others


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    table = read_table(asked_table())
    place = tmp_path_factory.mktemp("several") / "models"
    return place, build_several(table, schemas_of(table), place, SEVERAL)


def test_each_directory_is_a_whole_model(models: tuple[Path, dict[str, Any]]) -> None:
    place, _ = models
    rows = asked_table()
    photos = {"photo": rows["photo"][:2]}
    told = motet.load(place / "answer").predict({**photos, "question": rows["question"][:2]})
    assert [one.pattern for one in told] == ["image+text"] * 2
    assert all(one.caption is not None for one in motet.load(place / "caption").describe(photos))
    vectors = motet.load(place / "match").embed_texts(["a red disc"]).vectors
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-4)
    prints = {
        source.fingerprint
        for name in NAMES
        for source in motet.load(place / name).manifest.sources.values()
        if source.modality == "image"
    }
    assert len(prints) == 1  # one encoder, in each directory


def test_the_table_shows_each_alone_against_together(models: tuple[Path, dict[str, Any]]) -> None:
    place, found = models
    assert json.loads((place / "tasks.json").read_text(encoding="utf-8")) == found
    assert list(found["tasks"]) == list(NAMES) == list(found["weights"])
    for name, key in (("answer", "overall"), ("caption", "metrics"), ("match", "directions")):
        one = found["tasks"][name]
        evaluation = json.loads((place / name / "evaluation.json").read_text(encoding="utf-8"))
        measured = json.dumps(evaluation[key])
        assert str(one["together"]["value"]) in measured
        for how in ("together", "alone"):
            assert one[how]["low"] <= one[how]["value"] <= one[how]["high"]
    card = (place / "README.md").read_text(encoding="utf-8")
    assert "| [caption](caption/README.md) | cider_d |" in card
    assert len(found["history"]) == 2 and set(found["history"][0]["held"]) == set(NAMES)
    assert any(weight != 1 for weight in found["weights"].values())
    assert not found["notes"]  # the split column gives all tasks the same sides


def test_what_is_written_names_no_folder_that_is_gone(models: tuple[Path, dict[str, Any]]) -> None:
    place, _ = models
    for name in NAMES:
        assert motet.load(place / name).manifest.training["options"]["image_encoders"] == ["shared"]
    for path in place.rglob("*"):
        if path.suffix in (".json", ".md", ".html"):
            assert ".making-" not in path.read_text(encoding="utf-8"), path


def test_every_task_teaches_the_shared_network() -> None:
    table = read_table(asked_table())
    shared = share_pictures(table, schemas_of(table), TASKS, 0)
    lessons = make_lessons(table, schemas_of(table), TASKS, shared)
    for name, lesson in lessons.items():
        for parameter in shared.small.network.parameters():
            parameter.grad = None
        lesson.module.train()
        lesson.loss(0).backward()
        for parameter in shared.small.network.parameters():
            assert parameter.grad is not None and bool(parameter.grad.any()), name
        lesson.module.eval()
        assert lesson.held() is not None


def test_no_picture_that_any_task_holds_or_tests_teaches() -> None:
    """Without a split column answering draws other sides than captions do."""
    table = read_table({name: column for name, column in asked_table().items() if name != "split"})
    schemas = schemas_of(table, None)
    shared = share_pictures(table, schemas, TASKS, 0)
    from motet.deployment.lessons import _sides

    for name in NAMES:
        sides = _sides(table, schemas[name], TASKS[name])
        for side in (1, 2):
            number = shared.number[sides[side]]
            assert not shared.teaches[number].any()
        assert not shared.held[shared.number[sides[2]]].any()
    assert shared.teaches.any() and any("do not teach the shared network" in note for note in shared.notes)
    again = shared.again().network
    for one, other in zip(again.parameters(), shared.small.network.parameters(), strict=True):
        assert bool((one == other).all())  # nothing was learned yet


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two or three of answer, caption, match, not caption"):
        SeveralOptions({"caption": TASKS["caption"]})
    with pytest.raises(UsageError, match="a weight is given to caption"):
        SeveralOptions(
            {name: TASKS[name] for name in ("answer", "match")}, TogetherSettings(weights={"caption": 2.0})
        )
    with pytest.raises(UsageError, match="--term local"):
        SeveralOptions({**TASKS, "match": replace(TASKS["match"], terms={"local": 1.0})})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tasks.json").write_text("{}")
    table = read_table(asked_table())
    with pytest.raises(ModelError, match="give a new name"):
        build_several(table, schemas_of(table), tmp_path / "models", SEVERAL)
    with pytest.raises(UsageError, match="no --time-limit"):
        SeveralOptions({**TASKS, "answer": replace(TASKS["answer"], time_limit=9.0)})
    broken = asked_table()
    broken["split"] = ["test"] * 48
    table = read_table(broken)
    with pytest.raises(TableError, match="no train rows"):
        build_several(table, schemas_of(table), tmp_path / "m", SEVERAL)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "answer,speak"), "no task 'speak'"),
        (("--task", "classify,match", "--label", "category"), "several tasks at once are"),
        (("--task", "match,match"), "each once"),
        (
            (
                "--task",
                "match,caption",
                "--image",
                "image",
                "--text",
                "title",
                "--image-encoder",
                "descriptor",
            ),
            "leave",
        ),
        (("--task", "match,caption"), "named columns"),
        (("--task", "match", "--weighting", "uncertainty"), "are of several tasks"),
        (
            ("--task", "match,caption", "--image", "image", "--text", "title", "--task-weight", "match"),
            "TASK=WEIGHT",
        ),
    ],
)
def test_wrong_usage(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = motet("train", catalogue.table, "-o", tmp_path / "m", *arguments)
    assert done.code == 2 and said in done.err, done.err


def test_the_command_line_hands_over_what_it_was_told(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motet.deployment import several

    figure = {"n": 7, "value": 0.5, "low": 0.4, "high": 0.6}
    given: list[Any] = []

    def build(table: Table, schemas: Any, place: Path, options: SeveralOptions) -> dict[str, Any]:
        given.append((schemas, options))
        return {
            "tasks": {
                "match": {"metric": "mrr", "together": figure, "alone": None},
                "caption": {"metric": "cider_d", "together": None, "alone": figure},
            },
            "weighting": "fixed", "weights": {"match": 0.25, "caption": 1.0}, "notes": ["a note"],
        }  # fmt: skip

    monkeypatch.setattr(several, "build_several", build)
    done = motet(
        "train", catalogue.table, "--task", "match,caption", "--image", "image", "--text", "title",
        "--task-weight", "match=0.25", "--seed", "7", "-o", tmp_path / "m",
    )  # fmt: skip
    assert done.code == 0 and "CIDEr-D" in done.out and "0.25" in done.out and "a note" in done.err, done.err
    ((schemas, options),) = given
    assert list(options.tasks) == ["match", "caption"] and options.tasks["caption"].seed == 7
    assert options.together.weights == {"match": 0.25} and options.together.seed == 7
    assert tuple(schemas["match"].inputs("text")) == ("title",)
    assert done.err.count("title: input, text (") == 1 and done.err.count("not read: ") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--time-limit", "9"), "--task match,caption has no --time-limit"),
        (("--weighting", "nonsense"), "no weighting 'nonsense' of tasks: one of fixed"),
        (("--task-weight", "match=nan"), "the weight of task match is a number above 0"),
        (("--task-weight", "match=-1"), "the weight of task match is a number above 0"),
        (("--task-weight", "match=1", "--task-weight", "match=2"), "names match twice"),
        (("--resume",), "leave --resume out"),
        (("--lora", "0"), "name one with --decoder"),
        (("--decoder", "/no/such/folder"), "--decoder /no/such/folder: no such directory"),
        (("--pooling", "median"), "no pooling 'median'"),
        (("--seed", "-1"), "the seed is a whole number"),
        (("--vocabulary", "0"), "--vocabulary is of --task answer"),
    ],
)
def test_wrong_options_are_told_before_the_table_is_read(
    motet: Callable[..., Any],
    catalogue: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr("motet.data.read_table", lambda *_, **__: pytest.fail("the table was read"))
    done = motet(
        "train", catalogue.table, "--task", "match,caption", "--image", "image", "--text", "title",
        "-o", tmp_path / "m", *arguments,
    )  # fmt: skip
    assert done.code == 2 and said in done.err, done.err


def test_a_model_is_never_replaced_by_several(
    motet: Callable[..., Any], catalogue: Any, model_copy: Path
) -> None:
    done = motet(
        "train",
        catalogue.table,
        "--task",
        "match,caption",
        "--image",
        "image",
        "--text",
        "title",
        "-o",
        model_copy,
    )
    assert done.code != 0 and "give a new name" in done.err and "will be replaced" not in done.err


def test_sizes_that_a_split_column_leaves_unused_are_said_once(
    motet: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motet.deployment import several

    def stop(*_: Any) -> None:
        raise TableError("far enough")

    monkeypatch.setattr(several, "build_several", stop)
    rows = ["photo,said,question,answer,split"]
    rows += [f"{i}.png,a disc {i},is it {i}?,yes,{'train' if i % 4 else 'test'}" for i in range(24)]
    table = tmp_path / "asked.csv"
    table.write_text("\n".join(rows) + "\n")
    done = motet(
        "train", table, "--task", "answer,caption,match", "--image", "photo", "--text", "said",
        "--question", "question", "--answer", "answer", "--test-size", "0.3", "-o", tmp_path / "m",
    )  # fmt: skip
    assert done.err.count("--test-size is not used") == 1, done.err
    assert "far enough" in done.err
    lines = done.err.splitlines()
    assert len(lines) == len(set(lines)) and any(line.startswith("photo: input") for line in lines)
    assert any(line.startswith("caption and match: said: ") for line in lines), done.err
