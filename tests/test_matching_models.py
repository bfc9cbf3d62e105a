"""Matching from table to model directory, and that directory where nothing of the learning wing can be imported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import motet
from bare_install import motet_bare, python
from motet.data import ImageCells, Table, infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.errors import ModelError, TableError, UsageError
from motet.evaluation import both_directions
from motet.runtime import MatchModel, Model
from motet.training.match_settings import MatchSettings

SETTINGS = MatchSettings(width=32, hidden=32, epochs=4, least_steps=8, members=2)


def options(**more: Any) -> MatchOptions:
    return MatchOptions(image_encoders=("descriptor",), text_encoders=("lexical",), training=SETTINGS, **more)


@pytest.fixture(scope="module")
def space(catalogue: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    place = tmp_path_factory.mktemp("space") / "model"
    return place, build_match_model(table, schema, place, options())


def test_the_evaluation_has_the_shape_that_is_agreed(space: tuple[Path, dict[str, Any]]) -> None:
    place, evaluation = space
    assert json.loads((place / "evaluation.json").read_text(encoding="utf-8")) == evaluation
    for measured in (evaluation, evaluation["baselines"]["cca"]):
        assert set(measured["directions"]) == {"text->image", "image->text"}
        for entry in measured["directions"].values():
            assert set(entry["metrics"]) == {"recall@1", "recall@5", "recall@10", "median_rank", "mrr"}
            for metric in entry["metrics"].values():
                assert metric["low"] <= metric["value"] <= metric["high"]
    assert evaluation["directions"]["text->image"]["gallery"] == evaluation["n"]
    assert evaluation["directions"]["image->text"]["n"] == evaluation["n"]
    for name in ("motet.json", "report.html", "README.md"):
        assert (place / name).is_file()


def test_rows_without_a_readable_picture_or_words_are_left_out(
    space: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    _, evaluation = space
    table = read_table(catalogue.table)
    whole = [bool(row["image"] and (row["title"] or row["description"])) for row in table.data.to_pylist()]
    unread = {one["row"] for one in evaluation["broken"] if one["column"] == "image" and whole[one["row"]]}
    assert evaluation["data"]["left_out"] == len(table) - sum(whole) + len(unread) > 0


def test_the_figures_are_those_of_the_saved_vectors(
    space: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    """Recomputed row by row from the table's own columns."""
    place, evaluation = space
    model = motet.load(place)
    assert isinstance(model, MatchModel)
    table = read_table(catalogue.table)
    rows = [row for row, side in enumerate(table.column("split").to_pylist()) if side == "test"]
    pictures, sentences, owner = [], [], []
    for row in rows:
        said = [table.column(name)[row].as_py() for name in ("title", "description")]
        said = [text for text in said if text and text.strip()]
        seen = model.embed_images(ImageCells(table, ["image"]), np.array([row]))
        if said and seen.present[0]:
            owner += [len(pictures)] * len(said)
            pictures.append(seen.vectors[0])
            sentences += said
    texts = np.stack([model.embed_texts([text]).vectors[0] for text in sentences])
    found = both_directions(np.stack(pictures), texts, np.array(owner), seed=0)
    for direction, entry in found.items():
        for name in ("recall@1", "recall@10", "mrr"):
            got = evaluation["directions"][direction]["metrics"][name]["value"]
            assert got == pytest.approx(
                entry["metrics"][name]["value"], abs=0.03
            )  # near ties may change places


def test_rows_that_are_repeated_change_no_figure(space: tuple[Path, dict[str, Any]], catalogue: Any) -> None:
    """A picture whose caption stands in three rows, as where several questions are asked about it, has it once."""
    model = motet.load(space[0])
    assert isinstance(model, MatchModel)
    table = read_table(catalogue.table)
    thrice = Table(pa.concat_tables([table.data] * 3), table.root, table.name)
    once, often = model.evaluate(table), model.evaluate(thrice)
    assert often["directions"] == once["directions"] and often["n"] == once["n"]


def test_it_runs_without_the_learning_wing(
    space: tuple[Path, dict[str, Any]], catalogue: Any, tmp_path: Path
) -> None:
    place, evaluation = space
    done = motet_bare("evaluate", place, catalogue.table, "--json", "--report", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["n"] == evaluation["n"] and (tmp_path / "page.html").is_file()
    for direction, entry in found["directions"].items():
        for name, metric in entry["metrics"].items():
            assert metric == pytest.approx(evaluation["directions"][direction]["metrics"][name])
    code = "import motet, sys; print(motet.load(sys.argv[1]).embed_texts(['a lamp', '台灯', '']).present.tolist())"
    assert python(code, place).stdout.strip() == "[True, True, False]"


def test_vectors_are_unit_and_do_not_depend_on_their_batch(space: tuple[Path, dict[str, Any]]) -> None:
    model = motet.load(space[0])
    words = ["a lamp", "warm wool cap", "台灯，暖光", "x" * 100_000]
    whole = model.embed_texts(words).vectors
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-4)
    for place, text in enumerate(words):
        np.testing.assert_allclose(model.embed_texts([text]).vectors[0], whole[place], atol=1e-5)


def test_the_fingerprint_is_of_what_vectors_depend_on(
    space: tuple[Path, dict[str, Any]], catalogue: Any, tmp_path: Path
) -> None:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    prints = {motet.load(space[0]).fingerprint}
    for name, more in (("again", {}), ("other", {"seed": 1})):
        build_match_model(table, schema, tmp_path / name, options(**more))
        prints.add(motet.load(tmp_path / name).fingerprint)
    assert len(prints) == 2  # the same seed gives the same space


def test_a_changed_file_is_an_error_that_names_it(space: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(space[0], tmp_path / "copied"))
    path = copied / "heads" / "trained-text.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(ModelError, match=r"trained-text\.onnx.*was changed"):
        motet.load(copied).embed_texts(["a lamp"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["spaces"]["trained"].update(image="nowhere"), "spaces.trained.image is 'nowhere'"),
        (lambda d: d["spaces"]["trained"].update(image="trained-text"), "not a head of image sources"),
        (lambda d: d.update(spaces={}), "spaces is {}"),
        (lambda d: d["spaces"]["cca"].pop("width"), "spaces.cca.width is missing"),
    ],
)
def test_a_damaged_manifest_is_told(
    space: tuple[Path, dict[str, Any]], tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    copied = Path(shutil.copytree(space[0], tmp_path / "copied"))
    data = json.loads((copied / "motet.json").read_text(encoding="utf-8"))
    change(data)
    (copied / "motet.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=said.replace("{}", "\\{\\}")):
        motet.load(copied)


def test_languages_are_told_apart(space: tuple[Path, dict[str, Any]], catalogue: Any) -> None:
    """The catalogue is written in English and Chinese; all rows of it have enough sentences of both."""
    evaluation = motet.load(space[0]).evaluate(catalogue.table, all_rows=True)
    assert set(evaluation["languages"]) == {"latin", "chinese"}
    counted = sum(one["directions"]["text->image"]["n"] for one in evaluation["languages"].values())
    assert counted == evaluation["directions"]["text->image"]["n"]
    assert any("trained the model" in note for note in evaluation["notes"])


# The command line, and what cannot be learned from.


def test_train_and_evaluate_on_the_command_line(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path
) -> None:
    place = tmp_path / "space"
    done = motet(
        "train", catalogue.table, "--task", "match", "--image", "image", "--text", "title", "-o", place, "--json",
        "--image-encoder", "descriptor", "--text-encoder", "lexical", "--term", "distance=0.1",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(done.out)["task"] == "match"
    assert (
        json.loads((place / "motet.json").read_text())["spaces"]["trained"]["made_by"]
        == "infonce + 0.1 distance"
    )
    shown = motet("evaluate", place, catalogue.table)
    assert shown.code == 0 and "text->image" in shown.out and "baseline cca" in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "match", "--label", "category"), "--task match has no --label"),
        (("--task", "match", "--fusion", "concat"), "--task match has no --fusion"),
        (("--task", "find"), "no task 'find': one of classify, match"),
        ((), "name the column to learn with --label"),
        (("--label", "category", "--objective", "sigmoid"), "--objective and --term are of --task match"),
        (("--task", "match", "--objective", "clip"), "no objective 'clip': one of infonce"),
        (("--task", "match", "--term", "near"), "no term 'near'"),
        (("--task", "match", "--term", "distance=much"), "a number above 0"),
        (("--task", "match", "--term", "distance=-1"), "a number above 0"),
        (("--task", "match", "--term", "distance=inf"), "a number above 0"),
    ],
)
def test_wrong_usage(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = motet("train", catalogue.table, "-o", tmp_path / "space", *arguments)
    assert done.code == 2 and said in done.err, done.err


def test_models_of_another_task_say_so(
    motet: Callable[..., Any], model_directory: Path, space: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    with pytest.raises(UsageError, match="trained to classify, not to match"):
        MatchModel(model_directory)
    with pytest.raises(
        UsageError, match="trained to match, not to answer rows: name one of --task classify or"
    ):
        Model(space[0])
    done = motet("evaluate", space[0], catalogue.table, "--slice", "category")
    assert done.code == 2 and "--slice" in done.err


def test_pictures_that_all_are_broken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    table = read_table({"photo": ["a.png"] * 4, "words": ["a", "b", "c", "d"]}, image_root=tmp_path)
    schema = infer_schema(table, image=["photo"], text=["words"])
    with pytest.raises(TableError, match="no training picture can be decoded"):
        build_match_model(table, schema, tmp_path / "m", options())
    assert not (tmp_path / "m").exists()


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="leave no pictures to train on"):
        options(test_size=0.6, validation_size=0.5)


def test_one_picture_is_nothing_to_learn_from(tmp_path: Path, catalogue: Any) -> None:
    table = read_table(catalogue.table)
    row = next(i for i, side in enumerate(table.column("split").to_pylist()) if side == "train")
    one = read_table(
        {
            "image": [table.column("image")[row].as_py()],
            "title": ["a lamp"],
        },
        image_root=Path(catalogue.table).parent,
    )
    schema = infer_schema(one, image=["image"], text=["title"])
    with pytest.raises(TableError, match="one picture to train on"):
        build_match_model(one, schema, tmp_path / "m", options(test_size=0, validation_size=0))


def test_what_is_no_list_of_sentences_is_told(space: tuple[Path, dict[str, Any]]) -> None:
    model = motet.load(space[0])
    for wrong in ("books", [3], [float("nan")]):
        with pytest.raises(UsageError, match="sentences are a list of texts"):
            model.embed_texts(wrong)
    with pytest.raises(UsageError, match="picture cells of a table"):
        model.embed_images(["a.jpg"])


def test_shots_need_a_label(
    motet: Callable[..., Any], space: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    done = motet("evaluate", space[0], catalogue.table, "--shots", "4")
    assert done.code == 2 and "add --label" in done.err
    for shots in (17, -1):
        done = motet("evaluate", space[0], catalogue.table, "--label", "category", "--shots", shots)
        assert done.code == 2 and f"1 to 16 examples of each class, not {shots}" in done.err
    few = motet("evaluate", space[0], catalogue.table, "--label", "category", "--shots", "2", "--json")
    measured = json.loads(few.out)["zero_shot"]
    assert measured["n"] > 0 and set(measured["few_shot"]) == {"1", "2"}
    assert not measured["calibrated"]  # under 20 validation rows, as `predict` asks for too
    assert set(measured["few_shot"]["2"]) == {"examples", "cache", "probe"}


def test_equal_sentences_are_noted_where_they_are_measured(
    space: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    table = read_table(catalogue.table)
    same = table.data.set_column(table.columns.index("title"), "title", [["a thing"] * len(table)])
    alike = read_table(same.drop_columns(["description"]), image_root=Path(catalogue.table).parent)
    notes = motet.load(space[0]).evaluate(alike)["notes"]
    assert any("sentences are the same, 'a thing'" in note for note in notes)


def test_small_encoders_are_learned_with_the_space_and_broken_pictures_are_told(
    catalogue: Any, tmp_path: Path
) -> None:
    """End to end on both sides: shapes and words of forty rows, one picture of which is no picture."""
    table = read_table(catalogue.table)
    columns = {name: table.column(name).to_pylist()[:60] for name in ("image", "title")}
    row = next(n for n, both in enumerate(zip(*columns.values(), strict=True)) if all(both))
    columns["image"] = [path and str(table.root / path) for path in columns["image"]]
    columns["image"][row] = str(tmp_path / "broken.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    mixed = read_table(columns, image_root="/")
    schema = infer_schema(mixed, image=["image"], text=["title"])
    small = MatchOptions(
        image_encoders=("small",), text_encoders=("small",), training=SETTINGS, lexical=False
    )
    evaluation = build_match_model(mixed, schema, tmp_path / "model", small)
    assert set(evaluation["sources"]) == {"image:small", "text:small"}
    assert row in [one["row"] for one in evaluation["broken"]]
    model = motet.load(tmp_path / "model")
    assert isinstance(model, MatchModel)
    np.testing.assert_allclose(
        np.linalg.norm(model.embed_texts(["a red lamp"]).vectors, axis=1), 1, rtol=1e-5
    )
    assert model.manifest.sources["image:small"].width == 192
    assert (
        model.manifest.training["options"]["training"]["members"] == 1
    )  # as it was trained, not as SETTINGS say
