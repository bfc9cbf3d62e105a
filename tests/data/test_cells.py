from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.data import ImageCells, Table, TabularCells, TextCells, cells, infer_schema, read_table
from motet.data.table import gather
from motet.errors import MediaError, UsageError

ALL = np.arange


def test_text_of_one_and_of_several_columns():
    table = read_table({"a": ["x", None, " \u3000\t", "y"], "b": ["1", "2", "", None]})
    one = TextCells(table, ["a"])
    assert one.take(ALL(4)) == ["x", "", "", "y"] and one.present.tolist() == [True, False, False, True]
    both = TextCells(table, ["a", "b"])
    assert both.take(np.array([3, 1, 0])) == ["a: y", "b: 2", "a: x\nb: 1"]
    assert both.present.tolist() == [True, True, False, True] and len(both) == 4
    expected = blake2b(b"a: x\nb: 1", digest_size=16).digest()
    assert both.digests(np.array([0])).tobytes() == expected


def test_long_text_is_cut_and_listed():
    made = TextCells(read_table({"a": ["猫" * 100_001, "b" * 100_000]}), ["a"])
    assert [len(text) for text in made.take(ALL(2))] == [100_000, 100_000]
    assert [(issue.row, issue.broken) for issue in made.issues] == [(0, False)]


def test_text_of_other_types():
    table = read_table(
        {"i": [1, None], "f": [1.0, 0.5], "b": [True, False], "y": [b"ok", b"\xff"], "l": [[1], None]}
    )
    texts = {name: TextCells(table, [name]) for name in table.columns}
    assert {name: made.take(ALL(2)) for name, made in texts.items()} == {
        "i": ["1", ""],
        "f": ["1", "0.5"],
        "b": ["true", "false"],
        "y": ["ok", ""],
        "l": ["", ""],
    }
    assert [(i.row, i.column) for name in "yl" for i in texts[name].issues] == [(1, "y"), (0, "l")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=12), st.data())
def test_each_row_gets_its_own_text(values, data):
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=20))
    size = data.draw(st.integers(1, 5))
    column = pa.chunked_array(
        [pa.array(values[i : i + size], pa.string()) for i in range(0, len(values), size)]
    )
    made = TextCells(Table(pa.table({"a": column})), ["a"])
    expected = [values[row] if values[row] and values[row].strip() else "" for row in rows]
    assert made.take(np.array(rows, np.int64)) == expected
    assert gather(column, np.array(rows, np.int64)).to_pylist() == [values[row] for row in rows]


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("p,q\na.png,\nno.png,a.png\n../t.csv,\n,\nhttp://x/a.png,\n")
    return tmp_path


def test_pictures_by_path(folder):
    made = ImageCells(read_table(folder / "t.csv"), ["p", "q"])
    assert made.present.tolist() == [True, True, True, False, True]
    rows = made.take(ALL(5))
    assert [len(row) for row in rows] == [1, 2, 1, 0, 1]
    assert rows[0][0].read() == (folder / "a.png").read_bytes() == rows[1][1].read()
    for row, words in [(1, "no such file"), (2, "leaves"), (4, "web address")]:
        with pytest.raises(MediaError, match=words):
            rows[row][0].read()
    digests = made.digests(ALL(5))
    assert digests.any(axis=1).tolist() == [True, True, False, False, False]
    assert (digests[0] == digests[1]).all()  # the same picture, in another column


def test_pictures_as_bytes_and_structures():
    png = b"\x89PNG"
    table = read_table(
        {
            "b": [png, b"", None, None],
            "s": [
                {"bytes": png, "path": "a"},
                None,
                {"bytes": None, "path": "x.png"},
                {"bytes": b"", "path": None},
            ],
        }
    )
    assert ImageCells(table, ["b"]).present.tolist() == [True, True, False, False]
    made = ImageCells(table, ["s"])
    assert made.present.tolist() == [True, False, True, True]
    rows = made.take(ALL(4))
    assert rows[3][0].read() == b""
    assert rows[0][0].read() == png and rows[1] == [] and rows[2][0].value == "x.png"
    with pytest.raises(MediaError, match="image-root"):
        rows[2][0].read()
    wrong = ImageCells(read_table({"b": [1, 2]}), ["b"])
    assert not wrong.present.any() and len(wrong.issues) == 2


def test_numbers_and_categories():
    table = read_table(
        {"x": ["1", " 2.5 ", "1,234.5", "abc", "nan", None, "1e400", "+3"], "k": ["a", "", None, " a "] * 2}
    )
    made = TabularCells(table, ["x"], ["k"])
    expected = [1, 2.5, 1234.5, np.nan, np.nan, np.nan, np.nan, 3]
    np.testing.assert_array_equal(made.numbers(ALL(8))[:, 0], np.array(expected, np.float32))
    assert [issue.row for issue in made.issues] == [3, 6]
    assert made.categories(np.array([3, 1]))[0].tolist() == ["a", None]
    assert made.present.tolist() == [True, True, True, True, True, False, False, True]
    real = TabularCells(read_table({"x": [1, 2], "y": [0.5, float("inf")]}), ["x", "y"], [])
    assert real.numbers(ALL(2)).dtype == np.float32 and [issue.row for issue in real.issues] == [1]


def test_columns_that_are_missing_or_moved():
    table = read_table({"a": ["some words here", "more words there"], "n": ["1", "2"], "y": ["u", "v"]})
    schema = infer_schema(table, label="y", text=["a"], numeric=["n"])
    moved = cells(read_table({"y": ["u"], "n": ["5"], "a": ["hello"]}), schema)
    assert list(moved) == ["text", "tabular"] and moved["text"].take(ALL(1)) == ["hello"]
    gone = cells(read_table({"other": [1, 2, 3]}), schema)
    assert all(len(made) == 3 and not made.present.any() for made in gone.values())
    assert gone["text"].take(ALL(3)) == [""] * 3 and np.isnan(gone["tabular"].numbers(ALL(3))).all()
    with pytest.raises(UsageError, match="no column"):
        table.column("b")


def test_a_boolean_is_one_category_as_word_and_as_boolean():
    words, booleans = (
        TabularCells(read_table({"b": values}), [], ["b"])
        for values in (["True", "FALSE", None, "maybe"], [True, False, None, None])
    )
    rows = np.arange(4)
    assert words.categories(rows)[0].tolist() == ["true", "false", None, "maybe"]
    assert booleans.categories(rows)[0].tolist() == ["true", "false", None, None]


def test_one_unreadable_cell_of_a_numeric_column_costs_only_itself():
    cells = TabularCells(read_table(pa.table({"x": pa.array([b"1", b"\xff", b"3"])})), ["x"], [])
    assert cells.present.tolist() == [True, False, True]
    assert cells.numbers(np.array([0, 2])).ravel().tolist() == [1, 3]
    assert [issue.row for issue in cells.issues] == [1]
