"""Zero-shot: classes told by sentences, held against the arithmetic done by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet as motet_package
from motet.data import infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.errors import UsageError
from motet.runtime import ZeroShot
from motet.runtime.temperature import fit_temperature
from motet.runtime.zero_shot import read_labels
from motet.training.match_settings import MatchSettings

LABELS = ("headphones", "shirt", "书", "lamp")


@pytest.fixture(scope="module")
def space(catalogue: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    settings = MatchSettings(width=16, hidden=16, epochs=2, least_steps=4, members=1)
    place = tmp_path_factory.mktemp("zero") / "space"
    build_match_model(table, schema, place, MatchOptions(("descriptor",), ("lexical",), training=settings))
    return place


def test_a_class_is_the_mean_of_its_sentences(space: Path) -> None:
    model = motet_package.load(space)
    made = ZeroShot(model, LABELS, ["a photo of a {}", "一张{}的照片"])
    for place, label in enumerate(LABELS):
        said = model.embed_texts([f"a photo of a {label}", f"一张{label}的照片"]).vectors
        mean = said.mean(axis=0)
        np.testing.assert_allclose(
            made.class_vectors[place], mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-6
        )


def test_probabilities_are_the_softmax_of_scaled_cosines(space: Path) -> None:
    model = motet_package.load(space)
    made = ZeroShot(model, LABELS, scale=7.0)
    (answer,) = made.predict([{"title": "wool shirt"}])
    (one,) = model.embed_texts(["wool shirt"]).vectors
    weights = np.exp(7 * made.class_vectors @ one)
    assert answer.pattern == "text" and answer.probabilities is not None
    assert list(answer.probabilities) == list(LABELS)
    np.testing.assert_allclose(list(answer.probabilities.values()), weights / weights.sum(), rtol=1e-4)


def test_each_row_has_its_own_answer_and_nothing_is_even(space: Path, catalogue: Any) -> None:
    made = ZeroShot(motet_package.load(space), LABELS)
    table = read_table(catalogue.table)
    whole = made.predict(catalogue.table)
    assert [one.id for one in whole] == table.column("id").to_pylist()
    for row in (0, 7, 30):
        cells = {name: table.column(name)[row].as_py() for name in ("id", "image", "title", "description")}
        (alone,) = made.predict([cells], image_root=Path(catalogue.table).parent)
        assert alone.pattern == whole[row].pattern
        np.testing.assert_allclose(
            list(alone.probabilities.values()), list(whole[row].probabilities.values()), atol=1e-4
        )
    (nothing,) = made.predict([{"title": " ", "description": None}])
    assert nothing.pattern == "none" and set(nothing.probabilities.values()) == {0.25}


@pytest.mark.parametrize(
    ("labels", "templates", "said"),
    [
        (("one",), ("{}",), "at least two labels"),
        (("a", "b", "a"), ("{}",), "label 'a' is given twice"),
        (("a", " "), ("{}",), "a label is empty"),
        (("a", "b"), ("a photo",), "does not say where the class goes"),
        (("a", "b"), ("a {label}",), "does not say where the class goes"),
        (("a", "b"), ("a {} of {label}",), "has a brace beside {}"),
        (("a", "b"), ("{} {",), "has a brace beside {}"),
    ],
)
def test_labels_and_templates_are_checked(
    space: Path, labels: tuple[str, ...], templates: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        ZeroShot(motet_package.load(space), labels, templates)


def test_labels_come_from_words_or_a_file(tmp_path: Path) -> None:
    assert read_labels("cat, dog ，鸟,") == ("cat", "dog", "鸟")
    (tmp_path / "classes.txt").write_text("cat, big\n\n 狗 \n", encoding="utf-8-sig")
    assert read_labels(f"@{tmp_path / 'classes.txt'}") == ("cat, big", "狗")
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(f"@{tmp_path / 'nothing.txt'}")


def test_a_file_of_labels_without_its_sign_is_told(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(UsageError, match=f"write @{tmp_path / 'classes.txt'}"):
        read_labels(str(tmp_path / "classes.txt"))
    assert read_labels("cat") == ("cat",) and read_labels("x" * 5000) == ("x" * 5000,)


def test_predict_on_the_command_line(
    motet: Callable[..., Any], space: Path, catalogue: Any, tmp_path: Path, model_directory: Path
) -> None:
    done = motet("predict", space, catalogue.table, "--labels", ",".join(LABELS), "-o", tmp_path / "a.csv")
    assert done.code == 0, done.err
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(read_table(catalogue.table))
    assert {row["prediction"] for row in rows} <= set(LABELS)
    asked = ("predict", space, "--text", "a warm shirt", "--labels", "shirt, lamp", "--json")
    assert json.loads(motet(*asked).out)["probabilities"].keys() == {"shirt", "lamp"}
    for arguments, said in (
        (("predict", space, "--text", "a"), "has no classes of its own"),
        (("predict", model_directory, "--text", "a", "--labels", "a,b"), "has classes of its own"),
        ((*asked, "--coverage", "0.9"), "zero-shot has no held-out rows"),
        ((*asked, "--explain"), "zero-shot has no held-out rows"),
    ):
        refused = motet(*arguments)
        assert refused.code == 2 and said in refused.err


def labelled(catalogue: Any, **columns: list[str | None]) -> Any:
    """The catalogue with further columns."""
    table = read_table(catalogue.table)
    data = table.data
    for name, values in columns.items():
        data = data.append_column(name, [values])
    return read_table(data, image_root=Path(catalogue.table).parent)


def test_known_labels_outside_the_test_side_fit_the_temperature(space: Path, catalogue: Any) -> None:
    """Every row's class is known, but test rows say the wrong one: they must not move the temperature."""
    table = read_table(catalogue.table)
    truth, sides = (table.column(name).to_pylist() for name in ("category", "split"))
    classes = sorted({name for name in truth if name})
    rows = [row for row, side in enumerate(sides) if side != "test" and truth[row]]
    known: list[str | None] = [
        truth[row] if sides[row] != "test" else classes[0] for row in range(len(table))
    ]
    plain = ZeroShot(motet_package.load(space), classes)
    made = plain.calibrated(labelled(catalogue, known=known), "known")
    shown = plain.shown(table, np.array(rows))
    have = [place for place, pattern in enumerate(shown.patterns) if pattern != "none"]
    wanted = np.array([classes.index(truth[rows[place]]) for place in have])
    temperature = fit_temperature(plain.logits(shown.vectors[have]), wanted)
    assert made.calibrated_on == len(have) and temperature != pytest.approx(1, abs=0.01)
    assert made.scale == pytest.approx(plain.scale / temperature, rel=1e-4)
    assert (plain.calibrated_on, plain.scale) == (
        0,
        plain.model.space.scale,
    )  # the one that was asked is as it was
    assert made.notes_on({})[0].startswith(f"confidences are calibrated on {len(have)} rows")


def test_validation_rows_are_taken_where_they_are_enough(space: Path, catalogue: Any) -> None:
    names: list[str | None] = list(LABELS) * 18
    sides: list[str | None] = ["train"] * 40 + ["val"] * 24 + ["test"] * 8
    data = labelled(catalogue).data.drop_columns(["split"]).append_column("split", [sides])
    table = labelled(catalogue, known=names)
    table = read_table(data.append_column("known", [names]), image_root=table.root)
    made = ZeroShot(motet_package.load(space), LABELS).calibrated(table, "known")
    assert 20 <= made.calibrated_on <= 24 and "(validation)" in made.calibration


def test_too_few_known_rows_calibrate_nothing_and_that_is_said(space: Path, catalogue: Any) -> None:
    plain = ZeroShot(motet_package.load(space), LABELS)
    few = plain.calibrated(labelled(catalogue, known=["shirt"] * 3 + [None] * 68 + ["cup"]), "known")
    assert (few.calibrated_on, few.scale) == (0, plain.scale)
    (note,) = few.notes_on({})
    assert "not calibrated" in note and "column 'known', and 20 are needed" in note
    other = plain.calibrated(labelled(catalogue, known=["Shirt", "lamps"] * 36), "known")
    assert "0 rows" in other.calibration and "(it says 'Shirt', 'lamps')" in other.calibration
    with pytest.raises(UsageError, match="no column 'knwon'"):
        plain.calibrated(labelled(catalogue, known=["shirt"] * 72), "knwon")


def predicted(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_predict_calibrates_on_a_column(
    motet: Callable[..., Any], space: Path, catalogue: Any, tmp_path: Path
) -> None:
    classes = sorted({name for name in read_table(catalogue.table).column("category").to_pylist() if name})
    asked = (
        "predict",
        space,
        catalogue.table,
        "--labels",
        ",".join(classes),
        "-o",
        tmp_path / "a.csv",
        "--json",
    )
    plain, before = json.loads(motet(*asked).out), predicted(tmp_path / "a.csv")
    done = motet(*asked, "--label", "category")
    assert done.code == 0, done.err
    after = predicted(tmp_path / "a.csv")
    assert [row["prediction"] for row in after] == [row["prediction"] for row in before]
    assert [row["confidence"] for row in after] != [row["confidence"] for row in before]
    notes = json.loads(done.out)["notes"]
    assert any(note.startswith("confidences are calibrated on ") for note in notes)
    assert not any("category" in note and "not read" in note for note in notes)
    assert any("not calibrated" in note for note in plain["notes"])
    for arguments, said in (
        ((*asked, "--label", "nothing"), "no column 'nothing'"),
        (
            ("predict", space, "--text", "a", "--labels", "a,b", "--label", "category"),
            "give a table and --labels",
        ),
        (
            ("predict", space, catalogue.table, "-o", tmp_path / "b.csv", "--label", "category"),
            "give a table and",
        ),
    ):
        refused = motet(*arguments)
        assert refused.code == 2 and said in refused.err, refused.err


def test_rows_that_trained_the_space_are_told(catalogue: Any, tmp_path: Path) -> None:
    """Without a split column nothing else says that the known rows are those of training."""
    data = read_table(catalogue.table).data.drop_columns(["split"])
    table = read_table(data, image_root=Path(catalogue.table).parent)
    schema = infer_schema(table, image=["image"], text=["title"])
    few = MatchSettings(width=16, hidden=16, epochs=1, least_steps=2, members=1)
    build_match_model(
        table, schema, tmp_path / "m", MatchOptions(("descriptor",), ("lexical",), training=few)
    )
    classes = sorted({name for name in table.column("category").to_pylist() if name})
    asked = ZeroShot(motet_package.load(tmp_path / "m"), classes)
    assert "they trained the model" in asked.calibrated(table, "category").calibration
    other = read_table(data.slice(1), image_root=Path(catalogue.table).parent)
    assert "they trained the model" not in asked.calibrated(other, "category").calibration
