"""Questions about pictures from table to model directory, and that directory asked without the learning wing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import motet
import motet.runtime.evaluate_answers  # the file, whose name in the package is the function's
from bare_install import motet_bare
from motet.data import Table, infer_schema, read_table
from motet.deployment import AnswerOptions, build_answer_model
from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import WordsConfig
from motet.errors import TableError, UsageError
from motet.report import render_report
from motet.runtime import AnswerModel
from motet.selection import select
from motet.training.answer_settings import SMALL, AnswerSettings

evaluate_answers_file = sys.modules["motet.runtime.evaluate_answers"]
COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
TINY = AnswerSettings(
    width=24,
    epochs=30,
    patience=30,
    learning_rate=5e-3,
    small=replace(
        SMALL,
        vision=VisionConfig(side=16, widths=(8, 16)),
        words=WordsConfig(300, 32, 1, 2, max_position_embeddings=16),
    ),
)


def options(**more: Any) -> AnswerOptions:
    return AnswerOptions(**{"training": TINY, "test_size": 0.2, "validation_size": 0.2, **more})


def asked(folder: Path, pictures: int = 60) -> dict[str, list[Any]]:
    """Pictures of one colour, and three questions about each, one of them in Chinese."""
    random = np.random.default_rng(0)
    table: dict[str, list[Any]] = {"picture": [], "asked": [], "said": [], "also": []}
    for number in range(pictures):
        name = list(COLOURS)[number % 3]
        pixels = np.clip(np.array(COLOURS[name]) + random.integers(-30, 30, (16, 16, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        other = list(COLOURS)[int(random.integers(3))]
        for question, answer in (
            ("What colour is it?", name),
            (f"Is it {other}?", "Yes" if other == name else "no"),
            ("这是红色吗？", "yes" if name == "red" else "No"),
        ):
            table["picture"].append(f"{number}.png")
            table["asked"].append(question)
            table["said"].append(answer)
            table["also"].append([answer.lower(), "dark, or so"])
    return table


def read(
    table: dict[str, list[Any]], folder: Path, *answers: str, split: str | None = None
) -> tuple[Table, Any]:
    made = read_table(table, image_root=folder)
    schema = infer_schema(
        made, image=["picture"], question=["asked"], answer=answers or ["said"], split=split
    )
    return made, schema


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Path]:
    """Some rows lack the picture, some the question; one of the pictures is one pixel, one is broken."""
    folder = tmp_path_factory.mktemp("asked")
    table = asked(folder)
    table["picture"][5], table["asked"][10] = "", " "  # row 5 asks about the picture that is broken
    Image.new("RGB", (1, 1), COLOURS["red"]).save(folder / "0.png")
    (folder / "1.png").write_bytes(b"no picture")
    (folder / "6.png").unlink()
    place = folder / "model"
    return (
        place,
        build_answer_model(*read(table, folder, "said", "also"), place, options(fusion="film")),
        folder,
    )


def test_the_evaluation_has_the_shape_that_is_agreed(built: tuple[Path, dict[str, Any], Path]) -> None:
    place, evaluation, _ = built
    assert json.loads((place / "evaluation.json").read_text(encoding="utf-8")) == evaluation
    assert evaluation["task"] == "answer"
    assert list(evaluation["patterns"]) == ["image+text", "image", "text", "none"]
    assert set(evaluation["baselines"]) == {"majority", "image-only", "question-only"}
    for entry in (evaluation["overall"], *evaluation["patterns"].values(), *evaluation["baselines"].values()):
        for name in ("accuracy", "vqa_accuracy"):
            metric = entry["metrics"][name]
            assert metric["low"] <= metric["value"] <= metric["high"]
    types = {part["name"]: part["n"] for part in evaluation["slices"]["question type"]}
    assert {"what colour", "吗"} <= set(types) and sum(types.values()) == evaluation["n"]
    assert evaluation["vocabulary"]["answers"]["dark, or so"] > 0
    assert [issue["row"] for issue in evaluation["broken"]] == [3, 4, 18, 19, 20]  # on whatever side
    assert evaluation["issues"]["broken"] == 5
    assert sum(evaluation["data"]["rows"].values()) == 180
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "question type" in page and "VQA accuracy" in page and "question-only" in page
    assert "visual-question-answering" in (place / "README.md").read_text(encoding="utf-8")


def test_picture_and_question_together_tell_what_neither_does(
    built: tuple[Path, dict[str, Any], Path],
) -> None:
    _, evaluation, _ = built
    right = {name: one["metrics"]["accuracy"]["value"] for name, one in evaluation["patterns"].items()}
    assert right["image+text"] > 0.85
    assert right["text"] < 0.8 and right["image"] < 0.8
    for name, pattern in (("question-only", "text"), ("image-only", "image")):
        assert evaluation["baselines"][name]["pattern"] == pattern
        assert evaluation["baselines"][name]["metrics"]["accuracy"]["value"] < right["image+text"]


def test_the_bar_counts_the_epochs_that_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the training rows a third has an answer of the vocabulary: of so few, more epochs are run."""
    told = []

    @contextmanager
    def counted(description: str, total: int) -> Iterator[Callable[[int], None]]:
        told.append([total, 0])

        def advance(steps: int) -> None:
            told[-1][1] += steps

        yield advance

    monkeypatch.setattr("motet.deployment.answer.progress", counted)
    table = asked(tmp_path, 30)
    table["said"] = [answer if row % 3 == 0 else f"rare {row}" for row, answer in enumerate(table["said"])]
    training = replace(TINY, rows_shown=240, patience=99)
    made = options(training=training, fusion="film", vocabulary=3)
    evaluation = build_answer_model(*read(table, tmp_path), tmp_path / "model", made)
    assert told == [[len(evaluation["history"]["film-tokens"])] * 2]
    assert told[0][0] == training.epochs_for(evaluation["data"]["rows"]["train"] // 3)


def test_every_row_gets_its_own_answer_in_order(
    built: tuple[Path, dict[str, Any], Path], tmp_path: Path
) -> None:
    place, _, _ = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    table = asked(tmp_path)
    whole = model.predict(table, image_root=tmp_path)
    order = np.random.default_rng(1).permutation(180)
    mixed = model.predict(
        {name: [values[i] for i in order] for name, values in table.items()}, image_root=tmp_path
    )
    assert len(whole) == 180
    for place_of, row in enumerate(order.tolist()):
        assert mixed[place_of].prediction == whole[row].prediction
        assert mixed[place_of].confidence == pytest.approx(whole[row].confidence, abs=1e-4)


BAD = {
    "empty": "",
    "white space": " \n\t",
    "ten thousand words": "is it red " * 3334,
    "another language": "Czy to jest czerwone? ¿Es rojo? これは赤ですか",
    "nothing but marks": "?!?",
    "odd characters": "\ud7ff\u200b\ufffd🟥\x7f",
}


@pytest.mark.parametrize("question", BAD.values(), ids=BAD)
def test_any_question_is_answered_and_an_empty_one_is_absent(
    built: tuple[Path, dict[str, Any], Path], question: str
) -> None:
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    found = model.ask(question, image=folder / "2.png")
    assert found.prediction in model.classes and 0 < (found.confidence or 0) <= 1
    assert found.pattern == ("image+text" if question.strip() else "image")


def test_a_missing_broken_or_tiny_picture_is_no_obstacle(built: tuple[Path, dict[str, Any], Path]) -> None:
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    assert model.ask("is it red?").pattern == "text"
    assert model.ask().pattern == "none"
    tiny = model.ask("is it red?", image=folder / "0.png")
    assert tiny.pattern == "image+text" and tiny.issue is None
    broken = model.ask("is it red?", image=folder / "1.png")
    assert broken.pattern == "text" and "picture" in (broken.issue or "")
    assert broken.confidence == pytest.approx(model.ask("is it red?").confidence, abs=1e-5)
    with pytest.raises(UsageError, match=r"gone\.png"):
        model.ask("is it red?", image=folder / "gone.png")


def test_a_question_unlike_all_that_were_learned_is_told(built: tuple[Path, dict[str, Any], Path]) -> None:
    """Training questions were in English and in Chinese."""
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    questions = ["это красный?", "это红色吗", "Is it red?", "", "combien de pommes?", "这是红色吗？"]
    found = model.predict({"asked": questions, "picture": ["2.png"] * 6}, image_root=folder)
    assert ["script" in (one.issue or "") for one in found] == [True] + [False] * 5
    assert ["none of its words" in (one.issue or "") for one in found] == [False] * 4 + [True, False]
    both = model.ask("красный?", image=folder / "1.png")
    assert "picture" in (both.issue or "") and "script" in (both.issue or "")


def test_a_question_that_is_not_read_whole_is_told(
    built: tuple[Path, dict[str, Any], Path], tmp_path: Path
) -> None:
    """TINY reads 16 tokens."""
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    told = "question: longer than the 16 tokens that are read of it"
    assert told in (model.ask("is it red " * 3334, image=folder / "2.png").issue or "")
    assert model.ask("is it red", image=folder / "2.png").issue is None
    table = asked(tmp_path, 20)
    table["asked"] = ["is it red?"] * 60
    table["asked"][0] = table["asked"][1] = "is it red " * 3334
    made = build_answer_model(
        *read(table, tmp_path),
        tmp_path / "model",
        options(training=replace(TINY, epochs=2), test_size=0),
    )
    assert "2 questions are longer than the 16 tokens that are read of one" in made["notes"]


def test_why_nothing_could_be_held_out_or_chosen_on_is_told(tmp_path: Path) -> None:
    table = asked(tmp_path, 20)
    table["split"] = ["train"] * 45 + ["validation"] * 15
    table["said"][45:] = [f"rare {row}" for row in range(15)]
    few = options(training=replace(TINY, epochs=2))
    made = build_answer_model(*read(table, tmp_path), tmp_path / "rare", few)
    why = made["selection"]["image+text"]["why"]
    assert "only 0 held-out rows whose most common answer is in the vocabulary have image+text" in why
    table["picture"] = ["0.png"] * 60
    del table["split"]
    made = build_answer_model(*read(table, tmp_path), tmp_path / "one", few)
    assert any("side: every row asks about one picture" in note for note in made["notes"])


def test_the_card_shows_on_what_the_answer_rests(
    built: tuple[Path, dict[str, Any], Path], motet: Callable[..., Any], tmp_path: Path
) -> None:
    place, _, folder = built
    page = tmp_path / "card.html"
    for question, marked in (("Is it <b>blue</b>?", "&lt;b&gt;blue"), ("这是红色吗？", "红")):
        ran = motet("ask", place, "--image", folder / "2.png", question, "--card", page, "--json")
        assert ran.code == 0, ran.err
        drawn = page.read_text(encoding="utf-8")
        assert (drawn.count("<img"), "Lit:" in drawn, "hardly" in drawn) in (
            (2, True, False),
            (1, False, True),
        )
        assert marked in drawn and "<b>blue" not in drawn
    assert motet("ask", place, "--image", folder / "1.png", "Is it blue?", "--card", page).code == 0
    assert "<img" not in page.read_text(encoding="utf-8")  # a broken picture
    assert motet("ask", place, "--image", folder / "2.png", "--card", page).code == 0
    assert 'class="pieces"' not in page.read_text(encoding="utf-8")
    assert motet("ask", place, "Is it blue?", "--card", tmp_path / "card.png").code == 2


def test_what_the_answer_rests_on_is_what_the_model_says(built: tuple[Path, dict[str, Any], Path]) -> None:
    """Every fall of a word is the difference of two answers that anybody can ask for."""
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    found = model.occlusion("Is it green?", image=folder / "2.png")
    whole = model.ask("Is it green?", image=folder / "2.png")
    without = model.ask("Is it ", image=folder / "2.png").probabilities or {}
    assert found.answer == whole.prediction and found.whole == pytest.approx(whole.confidence, abs=1e-5)
    falls = dict(found.words)
    assert falls["green?"] == pytest.approx(found.whole - without[found.answer], abs=1e-5)
    assert found.regions is not None and len(found.regions) == len(found.regions[0]) == 8


def test_answers_with_commas_numbers_and_mixed_case_are_given_as_they_were_written(tmp_path: Path) -> None:
    said = {"red": "Dark Red, or so", "green": "1,200.5", "blue": "NaN"}
    table = asked(tmp_path, 45)
    keep = [row for row in range(135) if row % 3 == 0]
    table = {name: [values[row] for row in keep] for name, values in table.items()}
    table["said"] = [said[answer] for answer in table["said"]]
    build_answer_model(*read(table, tmp_path), tmp_path / "model", options())
    model = motet.load(tmp_path / "model")
    assert isinstance(model, AnswerModel)
    assert set(model.classes) == set(said.values())
    right = [
        model.ask("What colour is it?", image=tmp_path / f"{number}.png").prediction == answer
        for number, answer in enumerate(said.values())
    ]
    assert sum(right) >= 2


def test_broken_pictures_are_listed_also_where_pictures_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of them chooses or calibrates what answers about pictures."""
    monkeypatch.setattr("motet.training.scratch_rows.PICTURES_KEPT", 0)
    chosen_on: list[int] = []

    def seen(*given: Any, **by: Any) -> Any:
        chosen_on.append(int(given[4]["image"].sum()))
        return select(*given, **by)

    monkeypatch.setattr("motet.deployment.answer.select", seen)
    table = asked(tmp_path, 20)
    table["side"] = ["train"] * 42 + ["validation"] * 12 + ["test"] * 6
    for broken in ("4.png", "15.png"):  # a training picture, and one of four of validation
        (tmp_path / broken).write_bytes(b"no picture")
    evaluation = build_answer_model(
        *read(table, tmp_path, split="side"), tmp_path / "model", options(training=replace(TINY, epochs=3))
    )
    assert [issue["row"] for issue in evaluation["broken"]] == [12, 13, 14, 45, 46, 47]
    assert evaluation["issues"]["broken"] == 6 and chosen_on == [9]


def test_one_pixel_is_picture_enough_even_where_all_are_one(tmp_path: Path) -> None:
    """Its map of one cell would have no deviation, which batch norm needs."""
    table = asked(tmp_path, 20)
    Image.new("RGB", (1, 1), COLOURS["red"]).save(tmp_path / "0.png")
    table["picture"] = ["0.png"] * 60
    small = replace(SMALL, vision=VisionConfig(side=96, widths=(8, 8, 8, 8)), words=TINY.small.words)
    made = build_answer_model(
        *read(table, tmp_path), tmp_path / "model", options(training=replace(TINY, epochs=2, small=small))
    )
    assert made["data"]["rows"]["train"] == 60


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "no such file"), (b"no picture", "not a known kind of picture")]
)
@pytest.mark.parametrize("encoder", ["small", "descriptor"])
def test_pictures_that_all_are_missing_or_broken_are_refused(
    tmp_path: Path, content: bytes | None, reason: str, encoder: str
) -> None:
    table = asked(tmp_path, 10)
    for number in range(10):
        (tmp_path / f"{number}.png").unlink()
        if content is not None:
            (tmp_path / f"{number}.png").write_bytes(content + str(number).encode())
    with pytest.raises(TableError, match=rf"no training row has a usable picture .*picture.*{reason}"):
        build_answer_model(*read(table, tmp_path), tmp_path / "model", options(image_encoders=(encoder,)))


@pytest.mark.parametrize(("column", "what"), [("picture", "pictures"), ("asked", "questions")])
def test_a_column_that_is_named_and_empty_is_said_to_be(tmp_path: Path, column: str, what: str) -> None:
    table = asked(tmp_path, 10)
    table[column] = [""] * 30
    with pytest.raises(TableError, match=f"no row has {what} to answer from: column '{column}' is empty"):
        build_answer_model(*read(table, tmp_path), tmp_path / "model", options())


def test_a_vocabulary_that_overflows_is_told_and_counted(tmp_path: Path) -> None:
    table = asked(tmp_path, 30)
    for row in range(0, 90, 9):
        table["said"][row] = f"rare {row}, and {row + 1}"
    evaluation = build_answer_model(
        *read(table, tmp_path), tmp_path / "model", options(vocabulary=4, training=replace(TINY, epochs=2))
    )
    assert len(evaluation["classes"]) == 4
    assert evaluation["vocabulary"]["left_out"] > 0
    assert any("can never be given" in note for note in evaluation["notes"])
    test = evaluation["vocabulary"]["unseen"]["test"]
    assert test > 0 and any(f"{test:.1%} of the answers of test rows" in note for note in evaluation["notes"])


def test_a_model_that_is_surely_worse_than_the_majority_says_so(
    built: tuple[Path, dict[str, Any], Path],
) -> None:
    """One question about one picture, whose reference is always the most common training answer, and is not given."""
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    usual = model.classes[int(np.argmax(model.manifest.prior))]
    rows = {
        "picture": ["2.png"] * 40,
        "asked": ["What colour is it?"] * 40,
        "said": [usual] * 40,
        "also": [usual] * 40,
    }
    found = model.evaluate(rows, image_root=folder)
    worse = [note for note in found["notes"] if "worse than the baseline majority" in note]
    assert bool(worse) == (found["overall"]["metrics"]["accuracy"]["value"] == 0)
    assert model.ask("What colour is it?", image=folder / "2.png").prediction != usual and worse


def test_measuring_again_gives_the_same_figures(built: tuple[Path, dict[str, Any], Path]) -> None:
    """All rows that have an answer in another table; one whose answer is unknown to the model is a mistake."""
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    table = {
        "picture": ["2.png", "3.png", "5.png"],
        "asked": ["What colour is it?"] * 3,
        "said": ["Blue.", "never heard of", ""],
        "also": [[], [], []],
    }
    found = model.evaluate(table, image_root=folder)
    assert found["n"] == 2
    right = model.ask("What colour is it?", image=folder / "2.png").prediction == "blue"
    assert found["overall"]["metrics"]["accuracy"]["value"] == (0.5 if right else 0)
    assert any("cannot give ('never heard of')" in note for note in found["notes"])
    with pytest.raises(TableError, match="no row to be measured has an answer"):
        model.evaluate({**table, "said": [""] * 3}, image_root=folder)


def test_answers_that_cannot_be_read_are_listed_when_measured(
    built: tuple[Path, dict[str, Any], Path],
) -> None:
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    table = {
        "picture": ["2.png", "3.png", "gone.png"],
        "asked": ["What colour is it?"] * 3,
        "said": ["Blue.", '["net', "red"],
        "also": [[], [], []],
    }
    found = model.evaluate(table, image_root=folder)
    assert [(one["row"], one["column"]) for one in found["broken"]] == [(1, "said"), (2, "picture")]
    assert found["n"] == 2
    assert (found["issues"]["broken"], found["issues"]["broken_measured"]) == (2, 1)


def test_of_a_large_vocabulary_no_matrix_is_told(
    built: tuple[Path, dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, evaluation, folder = built
    assert "confusion" in evaluation
    monkeypatch.setattr(evaluate_answers_file, "TOLD_APART", 3)
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    table = {"picture": ["2.png"] * 2, "asked": ["Is it red?"] * 2, "said": ["no", "yes"], "also": [[], []]}
    found = model.evaluate(table, image_root=folder)
    assert "confusion" not in found and "per_class" not in found
    assert "Is it red?" in render_report(found, title="asked")


def test_cached_tokens_of_an_encoder_that_is_there_serve_too(tmp_path: Path) -> None:
    """Patches of an untrained vision transformer, frozen, beside words by TF-IDF, which have no tokens."""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision = transformers.ViTConfig(**shape, image_size=16, patch_size=8)
    transformers.ViTModel(vision, add_pooling_layer=False).save_pretrained(tmp_path / "patches")
    said = {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}}
    (tmp_path / "patches" / "preprocessor_config.json").write_text(json.dumps(said))
    evaluation = build_answer_model(
        *read(asked(tmp_path), tmp_path),
        tmp_path / "model",
        options(
            image_encoders=(str(tmp_path / "patches"),), text_encoders=("lexical",), fusion="transformer"
        ),
    )
    assert set(evaluation["sources"]) == {"image:patches", "text:lexical"}
    assert evaluation["patterns"]["image+text"]["metrics"]["accuracy"]["value"] > 0.75
    manifest = json.loads((tmp_path / "model" / "motet.json").read_text(encoding="utf-8"))
    assert manifest["heads"]["transformer-tokens"]["tokens"] == ["image:patches"]


def test_it_answers_where_nothing_of_the_learning_wing_can_be_imported(
    built: tuple[Path, dict[str, Any], Path],
) -> None:
    place, _, folder = built
    model = motet.load(place)
    assert isinstance(model, AnswerModel)
    told = json.loads(
        motet_bare("ask", place, "--image", folder / "2.png", "What colour is it?", "--json").stdout
    )
    assert told["prediction"] == model.ask("What colour is it?", image=folder / "2.png").prediction


def test_the_commands_from_a_table_to_an_answer(motet: Callable[..., Any], tmp_path: Path) -> None:
    table = asked(tmp_path, 24)
    lines = ["picture,asked,said"]
    lines += [f"{p},{q},{a}" for p, q, a in zip(table["picture"], table["asked"], table["said"], strict=True)]
    (tmp_path / "asked.csv").write_text("\n".join(lines), encoding="utf-8")
    columns = ("--image", "picture", "--question", "asked", "--answer", "said")
    place = tmp_path / "model"
    trained = motet(
        "train", tmp_path / "asked.csv", "--task", "answer", *columns, "-o", place, "--time-limit", "0.1"
    )
    assert trained.code == 0, trained.err
    assert "question-only" in trained.out + trained.err and "cut short" in trained.out + trained.err
    measured = motet("evaluate", place, tmp_path / "asked.csv", "--all-rows", "--json")
    assert measured.code == 0 and json.loads(measured.out)["n"] == 72
    answered = motet("ask", place, "--image", tmp_path / "2.png", "What colour is it?")
    assert answered.code == 0 and "(image+text)" in answered.out + answered.err
    assert motet("predict", place, "--text", "Is it red?", "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--question", "asked", "--answer", "said"), "--image COLUMN"),
        (("--image", "picture", "--answer", "said"), "--question COLUMN"),
        (("--image", "picture", "--question", "asked"), "--answer COLUMN"),
        (("--image", "picture", "--question", "asked", "--answer", "said", "--label", "said"), "no --label"),
        (
            ("--image", "picture", "--question", "asked", "--question", "said", "--answer", "said"),
            "one question",
        ),
        (("--image", "picture", "--question", "asked", "--answer", "asked"), "it can be one of them"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_learned(
    motet: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "asked.csv").write_text("picture,asked,said\na.png,is it?,yes\n", encoding="utf-8")
    ran = motet("train", tmp_path / "asked.csv", "--task", "answer", *arguments, "-o", tmp_path / "model")
    assert ran.code == 2 and said in ran.err


def test_columns_of_answering_are_of_no_other_task(motet: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("picture,asked,said\na.png,is it?,yes\n", encoding="utf-8")
    ran = motet(
        "train", tmp_path / "asked.csv", "--label", "said", "--question", "asked", "-o", tmp_path / "m"
    )
    assert ran.code == 2 and "--question is of --task answer" in ran.err


def test_a_model_of_another_task_cannot_be_asked(motet: Callable[..., Any], model_directory: Path) -> None:
    with pytest.raises(UsageError, match="trained to classify, not to answer questions"):
        AnswerModel(model_directory)
    ran = motet("ask", model_directory, "is it red?")
    assert ran.code == 2 and "not to answer questions" in ran.err
    assert motet("ask", model_directory).code == 2
    accepted = motet("ask", model_directory, "is it red?", "--accept-licence")
    assert accepted.code == 2 and "--accept-licence is of ready-made models" in accepted.err


def test_what_cannot_be_asked_is_told(tmp_path: Path, built: tuple[Path, dict[str, Any], Path]) -> None:
    plain = motet.load(built[0])
    assert isinstance(plain, AnswerModel) and plain.not_asked() == []
    with pytest.raises(UsageError, match="a picture is the path of a file, or a file's bytes, not a ndarray"):
        plain.ask("is it red?", image=np.zeros((2, 2, 3)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a question is text, not a list"):
        plain.ask(["is it red?"])  # type: ignore[arg-type]
    table = asked(tmp_path, 20)
    table["kind"] = ["square"] * 60
    read_here = read_table(table, image_root=tmp_path)
    schema = infer_schema(read_here, image=["picture"], question=["asked"], answer=["said"], text=["kind"])
    build_answer_model(read_here, schema, tmp_path / "model", options(training=replace(TINY, epochs=3)))
    more = motet.load(tmp_path / "model")
    assert isinstance(more, AnswerModel)
    assert more.not_asked() == [
        "the model reads kind too, absent here: answer a table that has it with predict"
    ]


def test_the_estimator_fits_asks_and_scores(tmp_path: Path) -> None:
    table = asked(tmp_path, 24)
    made = motet.VisualQuestionAnswerer(
        image="picture", question="asked", answer="said", image_root=tmp_path, time_limit=0.1
    ).fit(table)
    assert made.predict(table).shape == (72,)
    np.testing.assert_allclose(made.predict_proba(table).sum(axis=1), 1, atol=1e-6)
    assert 0 <= made.score(table) <= 1
    made.save(tmp_path / "model")
    found = motet.load(tmp_path / "model")
    assert isinstance(found, AnswerModel)
    assert found.ask("Is it red?").confidence == pytest.approx(made.ask("Is it red?").confidence, abs=1e-5)
