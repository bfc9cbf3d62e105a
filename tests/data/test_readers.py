from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.data import ImageCells, infer_schema, read_table
from motet.errors import TableError, UsageError


def write(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def column(table, name):
    return table.column(name).to_pylist()


def test_every_csv_column_is_text_and_only_empty_is_absent(tmp_path):
    table = read_table(write(tmp_path / "t.csv", 'a,b\n1,NA\ntrue,nan\nnull,""\n,"x\ny"\n'))
    assert column(table, "a") == ["1", "true", "null", None]
    assert column(table, "b") == ["NA", "nan", None, "x\ny"]
    assert table.root == tmp_path.resolve() and table.issues == ()


def test_blank_line_of_a_single_column_is_an_absent_row(tmp_path):
    assert column(read_table(write(tmp_path / "t.csv", "a\nx\n\ny\n")), "a") == ["x", None, "y"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_encodings_that_hold_chinese(tmp_path, encoding):
    text = "名称,类别\n红色的棉布衬衫,服装\n智能手机和耳机,电子\n"
    table = read_table(write(tmp_path / "t.csv", text, encoding))
    assert table.columns == ("名称", "类别")
    assert column(table, "类别") == ["服装", "电子"]
    assert any("GB18030" in note for note in table.notes) == (encoding == "gb18030")


def test_latin_1_is_told_from_gb18030(tmp_path):
    # é before a letter is a valid two-byte character of GB18030, but never a common one
    table = read_table(write(tmp_path / "t.csv", "a,b\nMontréal,1\nPrécision été,2\n", "latin-1"))
    assert column(table, "a") == ["Montréal", "Précision été"]
    assert table.notes[0] == "the file was read as Latin-1 (Windows-1252)"


def test_one_broken_byte_does_not_turn_a_utf_8_file_into_another(tmp_path):
    good = "衬衫,1\n" * 30
    table = read_table(write(tmp_path / "t.csv", b"a,b\n" + good.encode() + b"x\xff,2\n"))
    assert column(table, "a") == ["衬衫"] * 30 + ["x�"]
    assert "1 character" in table.notes[0]


def test_ten_megabytes_in_one_cell(tmp_path):
    table = read_table(write(tmp_path / "t.csv", "a,b\n1," + "x" * 10_000_000 + "\n2,y\n"))
    assert [len(value) for value in column(table, "b")] == [10_000_000, 1]


def test_million_cells_stay_in_arrow(tmp_path):
    # 100,000 rows in several blocks keep their order
    table = read_table(
        write(tmp_path / "t.csv", "a,b\n" + "".join(f'{i},"w {i}\n{i}"\n' for i in range(100_000)))
    )
    assert column(table, "a") == [str(i) for i in range(100_000)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty"]),
        ("a,b\n", ["header", "no rows"]),
        ("a,b\n1,2\n3,4,5\n", ["line 3", "3 cells"]),
        ('a,b\n1,"x\ny"\n3\n', ["line 4", "1 cells"]),
        ("a,b,a\n1,2,3\n", ["'a'", "more than once"]),
        ('a,b\n1,"never closed\n2,3\n4,5\n', ["double quote", "row 0"]),
    ],
)
def test_a_bad_csv_says_what_and_where(tmp_path, content, words):
    with pytest.raises(TableError) as error:
        read_table(write(tmp_path / "t.csv", content))
    assert all(word in str(error.value) for word in words), error.value


def test_missing_folder_address_and_unknown_ending(tmp_path):
    for source, words in [
        (tmp_path / "no.csv", "does not exist"),
        (tmp_path, "is a folder"),
        ("https://example.org/t.csv", "web address"),
        (write(tmp_path / "t.xlsx", b"PK\x03\x04"), "not one of"),
        (write(tmp_path / "t.parquet", b"PAR1 nothing"), "cannot be read"),
        ("a\0b.csv", "not"),
    ]:
        with pytest.raises(TableError, match=words):
            read_table(source)
    with pytest.raises(UsageError, match="image-root"):
        read_table({"a": [1]}, image_root=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not a table"):
        read_table(3)


def test_tsv_and_semicolons(tmp_path):
    assert column(read_table(write(tmp_path / "t.tsv", "a\tb\n1,5\tx\n")), "a") == ["1,5"]
    table = read_table(write(tmp_path / "t.csv", "a;b\n1,5;x\n"))
    assert column(table, "b") == ["x"] and "semicolons" in table.notes[0]


def test_control_characters_are_repaired_in_their_own_row(tmp_path):
    table = read_table(write(tmp_path / "t.csv", b"a,b\nx\x00y,1\nz\x07,2\nplain\ttab,3\n"))
    assert column(table, "a") == ["x y", "z ", "plain\ttab"]
    assert [(issue.row, issue.column, issue.broken) for issue in table.issues] == [
        (0, "a", False),
        (1, "a", False),
    ]


def test_json_lines_keep_types_and_dates_stay_text(tmp_path):
    rows = [{"t": "2020-01-01", "n": 1, "ok": True}, {"t": "2020-01-02", "n": 2, "ok": False}]
    table = read_table(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows))))
    assert table.data.to_pylist() == rows


def test_json_lines_of_mixed_types_and_half_characters(tmp_path):
    lines = ['{"a": "x\\ud800y", "b": 1}', '{"a": 3, "b": 2.5}', "", '{"c": [1], "a": true}']
    table = read_table(write(tmp_path / "t.jsonl", "\n".join(lines)))
    assert column(table, "a") == ["x�y", "3", "true"]
    assert column(table, "b") == [1.0, 2.5, None]
    assert [(issue.row, issue.column) for issue in table.issues] == [(0, "a")]
    with pytest.raises(TableError, match="line 2"):
        read_table(write(tmp_path / "u.jsonl", '{"a": 1}\n{"a": \n'))
    with pytest.raises(TableError, match="line 1"):
        read_table(write(tmp_path / "v.jsonl", "3\n"))
    assert column(read_table(write(tmp_path / "w.json", '[{"a": 1}, {"a": 2}]')), "a") == [1, 2]


def test_json_blocks_of_different_types_meet_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr("motet.data.json_lines._ROWS", 2)
    lines = ['{"a": 1}', '{"a": 2}', '{"a": "x"}', '{"a": "\\udc00"}', '{"a": null}']
    table = read_table(write(tmp_path / "t.jsonl", "\n".join(lines)))
    assert column(table, "a") == ["1", "2", "x", "�", None]
    assert [issue.row for issue in table.issues] == [3]


def test_parquet_arrow_and_stream(tmp_path):
    data = pa.table(
        {"a": ["x", None], "k": pa.array(["u", "v"]).dictionary_encode(), "f": [1.0, float("nan")]}
    )
    pq.write_table(data, tmp_path / "t.parquet")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, data.schema) as writer:
        writer.write_table(data)
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink, pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    for name in ("t.parquet", "t.arrow", "s.arrow"):
        table = read_table(tmp_path / name)
        assert table.data.to_pydict() == {"a": ["x", None], "k": ["u", "v"], "f": [1.0, None]}


def test_data_frame_of_anything():
    values = ["x\ud800", 1, 2.0, True, b"bytes", b"\xff", [1, 2], {"k": 1}, None, float("nan"), pd.NA, pd.NaT]
    frame = pd.DataFrame({"t": pd.Series(values, dtype=object), "n": np.arange(len(values))})
    frame.index = range(5, 17)
    table = read_table(frame)
    assert column(table, "t") == ["x�", "1", "2", "true", "bytes", *[None] * 7]
    assert [(issue.row, issue.broken) for issue in table.issues] == [
        (0, False),
        (5, True),
        (6, True),
        (7, True),
    ]
    assert column(table, "n") == list(range(12))
    assert table.root is None


def test_data_frame_types():
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["a", "b", None]),
            "b": [True, False, True],
            "x": pd.Series([1, None, 3], dtype="Int64"),
            "s": ["NA", None, "nan"],
            "bytes": [b"\xff", b"\x00", None],
        }
    )
    table = read_table(frame)
    assert table.data.to_pydict() == {
        "c": ["a", "b", None],
        "b": [True, False, True],
        "x": [1, None, 3],
        "s": ["NA", None, "nan"],
        "bytes": [b"\xff", b"\x00", None],
    }
    with pytest.raises(TableError, match="more than once"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TableError, match="no rows"):
        read_table(frame.iloc[:0])


def test_dictionaries_and_records():
    assert read_table({"a": [1, 2], "v": np.ones((2, 3))}).data.num_rows == 2
    assert column(read_table([{"a": 1}, {"b": "x"}]), "b") == [None, "x"]
    with pytest.raises(TableError, match="one length"):
        read_table({"a": [1], "b": [1, 2]})
    table = read_table(read_table({"a": ["x"]}))
    assert column(table, "a") == ["x"]


def test_datasets_rows_are_those_that_it_selects():
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_dict(
        {"t": [f"text {i}" for i in range(10)], "y": [i % 2 for i in range(10)]},
        features=datasets.Features(
            {"t": datasets.Value("string"), "y": datasets.ClassLabel(names=["猫", "dog"])}
        ),
    )
    assert column(read_table(made), "y") == ["猫", "dog"] * 5
    chosen = made.shuffle(seed=1).filter(lambda row: row["y"] == 1, load_from_cache_file=False)
    assert column(read_table(chosen), "t") == chosen["t"][:]
    assert set(column(read_table(chosen), "y")) == {"dog"}
    with pytest.raises(UsageError, match="one split"):
        read_table(datasets.DatasetDict({"train": made}))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(codec=None)),
            st.integers(),
            st.floats(),
            st.booleans(),
            st.binary(max_size=5),
            st.lists(st.integers(), max_size=2),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_values_lose_or_move_a_row(values):
    marks = [f"mark {number}" for number in range(len(values))]
    table = read_table({"any": values, "mark": marks})
    assert column(table, "mark") == marks
    texts = column(table, "any")
    assert len(texts) == len(values)
    for value, text in zip(values, texts, strict=True):
        if isinstance(value, str) and value.isprintable() and isinstance(text, str):
            assert text == value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1), min_size=1))
def test_what_csv_writes_is_read_again(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    pd.DataFrame({"a": values, "b": "x"}).to_csv(path, index=False)
    assert column(read_table(path), "a") == values


def test_datasets_pictures_and_columns():
    datasets = pytest.importorskip("datasets")
    image = Image.new("RGB", (4, 4), "red")
    made = datasets.Dataset.from_dict(
        {"p": [image, None], "t": ["a", "b"]},
        features=datasets.Features({"p": datasets.Image(), "t": datasets.Value("string")}),
    )
    table = read_table(made)
    cells = ImageCells(table, ["p"])
    assert cells.present.tolist() == [True, False]
    assert cells.take(np.arange(2))[0][0].read().startswith(b"\x89PNG")
    assert read_table(made.select_columns(["t"])).columns == ("t",)


def test_slices_are_repaired_where_they_lie():
    data = pa.table({"a": ["\0", "b", "c\x01", None, "d"]}).slice(1, 3)
    table = read_table(data)
    assert column(table, "a") == ["b", "c ", None] and [issue.row for issue in table.issues] == [1]


def test_reading_a_file_needs_no_pandas(tmp_path):
    path = write(tmp_path / "t.csv", "image,text,label\na.png,some words here,x\nb.png,other words,y\n")
    code = f"""
import sys
from motet.data.startup import leave_pandas_out
leave_pandas_out()
import numpy as np
from motet.data import *
table = read_table({str(path)!r})
schema = infer_schema(table, label="label")
found = labels(table, schema)
for made in cells(table, schema).values():
    made.take(np.arange(2))
make_split(table, schema, found)
audit(table, schema)
heavy = {{"pandas", "torch", "transformers", "sklearn", "datasets"}} & set(sys.modules)
assert not heavy, heavy
import pandas  # and it can still be imported
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pa.array([b"a", b"bb"], pa.binary_view()), [b"a", b"bb"]),
        (pa.array(["a", "bb"], pa.string_view()), ["a", "bb"]),
        (pa.RunEndEncodedArray.from_arrays([2], ["x"]), ["x", "x"]),
    ],
)
def test_newer_arrow_types_are_read_as_the_plain_ones(column, wanted):
    read = read_table(pa.table({"c": column, "text": ["one lamp", "two lamps"]}))
    infer_schema(read)
    assert read.data.column("c").take(pa.array([0, 1])).to_pylist() == wanted


def test_half_a_character_in_a_column_name_does_not_stop_reading():
    assert read_table({"a\ud800": ["x"], "b": ["y"]}).columns == ("a?", "b")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.parquet", b"a,b\n1,2\n", "does not begin as a Parquet file does"),
        (
            "t.csv",
            b"PK\x03\x04" + bytes(range(256)),
            "is a ZIP archive or an Excel workbook, although its name",
        ),
        ("t.tsv", b"\x1f\x8b\x08" + bytes(50), "is compressed with gzip"),
        ("t.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture"),
        ("t.csv", bytes(range(256)) * 20, "is no text"),
        ("t.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,0\n".encode("utf-16-le"), "UTF-16 without its byte-order mark"),
    ],
)
def test_a_file_that_is_something_else_than_its_name_says(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=words) as error:
        read_table(tmp_path / name)
    assert name in str(error.value)
    assert ".parquet is not one of" not in str(error.value)


def test_a_few_control_characters_are_still_text(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\0\0\n")
    assert len(read_table(tmp_path / "t.csv")) == 1


def test_spaces_around_the_names_of_columns_are_told(tmp_path):
    (tmp_path / "t.csv").write_text(" label,title , price\nx,y,1\n")
    table = read_table(tmp_path / "t.csv")
    assert table.notes == (
        "columns whose names begin or end with a space, which belongs to the name: ' label', 'title ', ' price'",
    )
    with pytest.raises(UsageError, match="no column 'label', but one called ' label': spaces"):
        infer_schema(table, label="label")
