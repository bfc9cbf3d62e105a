"""Rows that ask about one picture stay together, and each different cell is known once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motet.data import ImageCells, Schema, Table, TextCells, infer_schema, read_table
from motet.data.answers import count_answers, read_answers
from motet.data.questions import DistinctCells, split_questions
from motet.data.splits import Split
from motet.errors import TableError


def asked(folder: Path, rows: int = 60, **more: list[str]) -> tuple[Table, Schema]:
    """Rows about ten pictures, of which the first two are equal files; every seventh row has none."""
    for number in range(10):
        colour = 0 if number < 2 else number * 20
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(folder / f"{number}.png")
    table = {
        "image": ["" if row % 7 == 6 else f"{row % 10}.png" for row in range(rows)],
        "question": [f"is it {row % 3}?" for row in range(rows)],
        "answer": ["yes" if row % 2 else "no" for row in range(rows)],
        **more,
    }
    read = read_table(table, image_root=folder)
    names = {"split": "split"} if "split" in more else {}
    return read, infer_schema(read, image=["image"], question=["question"], answer=["answer"], **names)  # type: ignore[arg-type]


def split(table: Table, schema: Schema, **sizes: float) -> tuple[Split, np.ndarray]:
    counts = count_answers(read_answers(table, schema), ["yes", "no"])
    picture = DistinctCells.of(ImageCells(table, schema.inputs("image")))[0].number
    sizes = {"test_size": 0.2, "validation_size": 0.2} | sizes
    return split_questions(table, schema, counts, picture, seed=0, **sizes), picture


def test_equal_files_are_one_picture_and_a_row_without_one_has_none(tmp_path: Path) -> None:
    table, schema = asked(tmp_path)
    found, _ = DistinctCells.of(ImageCells(table, schema.inputs("image")))
    assert found.number[0] == found.number[1] >= 0
    assert found.number[6] == -1
    assert len(found.rows) == 9
    np.testing.assert_array_equal(found.number[found.rows], np.arange(9))
    questions, _ = DistinctCells.of(TextCells(table, schema.inputs("text")))
    assert len(questions.rows) == 3


def test_a_picture_that_is_not_there_is_none(tmp_path: Path) -> None:
    table = read_table({"image": ["gone.png", "gone.png"]}, image_root=tmp_path)
    found, _ = DistinctCells.of(ImageCells(table, ["image"]))
    assert found.number.tolist() == [-1, -1] and len(found.rows) == 0


def test_a_column_that_is_nearly_a_split_is_told(tmp_path: Path) -> None:
    sides = ["train", "dev", "holdout"]
    table, schema = asked(tmp_path, subset=[sides[row % 3] for row in range(60)])
    (note,) = (one for one in split(table, schema)[0].notes if "split" in one)
    assert "column 'subset' looks like a split but is not followed: row 2 says 'holdout'" in note


def test_all_questions_about_a_picture_are_on_one_side(tmp_path: Path) -> None:
    table, schema = asked(tmp_path)
    made, picture = split(table, schema)
    sides = [set(picture[rows]) - {-1} for rows in (made.train, made.validation, made.test)]
    assert all(sides) and not sides[0] & sides[1] and not sides[1] & sides[2] and not sides[0] & sides[2]
    rows = np.concatenate([made.train, made.validation, made.test])
    assert sorted(rows) == list(range(60))


def test_a_split_column_is_followed_and_a_picture_on_both_sides_is_said(tmp_path: Path) -> None:
    sides = ["test" if row % 10 == 3 or row == 0 else "train" for row in range(60)]
    table, schema = asked(tmp_path, split=sides)
    made, _ = split(table, schema)
    assert made.test.tolist() == [row for row, side in enumerate(sides) if side == "test"]
    assert len(made.validation)
    said = "1 picture is asked about on several sides of split column 'split' (1 on the test side)"
    assert any(said in note for note in made.notes)


def test_a_picture_that_trains_and_chooses_is_said(tmp_path: Path) -> None:
    sides = [
        "val" if row == 0 or row % 10 == 4 else "test" if row % 10 == 5 else "train" for row in range(60)
    ]
    table, schema = asked(tmp_path, split=sides)
    made, _ = split(table, schema)
    said = "1 picture is asked about on several sides of split column 'split' (0 on the test side)"
    assert any(said in note for note in made.notes)


def test_a_split_column_that_parts_a_group_is_refused(tmp_path: Path) -> None:
    sides = ["test" if row % 10 == 3 else "train" for row in range(60)]
    table, _ = asked(tmp_path, split=sides, patient=[str(row // 10) for row in range(60)])
    schema = infer_schema(
        table, image=["image"], question=["question"], answer=["answer"], split="split", group="patient"
    )
    with pytest.raises(TableError, match="puts group '0' of column 'patient' on two sides"):
        split(table, schema)


def test_rows_without_an_answer_are_left_out_and_counted(tmp_path: Path) -> None:
    table, schema = asked(tmp_path, answer=["yes", "no", ""] * 20)
    made, _ = split(table, schema)
    assert len(made.train) + len(made.validation) + len(made.test) == 40
    assert "20 rows have no answer: left out" in made.notes


def test_no_answer_at_all_is_an_error(tmp_path: Path) -> None:
    table, schema = asked(tmp_path, answer=[" "] * 60)
    with pytest.raises(TableError, match="no row has an answer in 'answer'"):
        split(table, schema)
