"""Columns of precomputed numbers: every form they come in, and what is broken in them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import Table, VectorCells, all_patterns, audit, cells, infer_schema, modality_kind, read_table
from motet.data.schema import pattern_name
from motet.errors import UsageError

NUMBERS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7 - 0.5
EVERY = np.arange(4)


def written(form: str, folder):
    rows = [row.tolist() for row in NUMBERS]
    rows[2] = None
    if form == "fixed-size parquet":
        table = pa.table({"v": pa.array(rows, pa.list_(pa.float32(), 3))})
        pq.write_table(table, folder / "t.parquet")
        return folder / "t.parquet"
    if form == "list parquet":
        pq.write_table(pa.table({"v": pa.array(rows, pa.list_(pa.float64()))}), folder / "t.parquet")
        return folder / "t.parquet"
    if form == "arrow in chunks":
        kind = pa.large_list(pa.float16())
        half = [None if row is None else np.array(row, np.float16) for row in rows]
        return pa.table({"v": pa.chunked_array([pa.array(half[:1], kind), pa.array(half[1:], kind)])})
    if form == "DataFrame of arrays":
        return pd.DataFrame({"v": [NUMBERS[0], NUMBERS[1], None, NUMBERS[3]]})
    if form == "tensor":
        storage = pa.array([row or [0, 0, 0] for row in rows], pa.list_(pa.float32(), 3))
        kind = pa.fixed_shape_tensor(pa.float32(), [3])
        return pa.table({"v": pa.ExtensionArray.from_storage(kind, storage)})
    if form == "JSON Lines":
        (folder / "t.jsonl").write_text("".join(json.dumps({"v": row}) + "\n" for row in rows))
        return folder / "t.jsonl"
    text = "\n".join(["v,y", *(f'"{json.dumps(row)}",a' if row else ",a" for row in rows)])
    (folder / "t.csv").write_text(text)
    return folder / "t.csv"


@pytest.mark.parametrize(
    "form",
    [
        "fixed-size parquet",
        "list parquet",
        "arrow in chunks",
        "DataFrame of arrays",
        "tensor",
        "JSON Lines",
        "CSV",
    ],
)
def test_every_form_gives_the_same_numbers(form, tmp_path) -> None:
    table = read_table(written(form, tmp_path))
    schema = infer_schema(table)
    assert schema.columns[0].kind == "vector" and schema.modalities == ("v",)
    assert "3 numbers" in schema.columns[0].why
    made = cells(table, schema)["v"]
    assert isinstance(made, VectorCells) and made.width == 3 and not made.issues
    values, present, issues = made.take(np.array([3, 2, 0]), 3)
    if form == "tensor":
        assert present.all()
    else:
        assert present.tolist() == [True, False, True] and made.present.tolist() == [True, True, False, True]
    assert issues == [] and values.dtype == np.float32
    tolerance = 1e-3 if form == "arrow in chunks" else 1e-7
    np.testing.assert_allclose(values[[0, 2]], NUMBERS[[3, 0]], atol=tolerance)
    assert not values[1].any()


def test_what_is_broken_in_a_vector() -> None:
    column = [
        [1.0, 2.0],
        [1.0, None],
        [float("nan"), 0.0],
        [float("inf"), 0.0],
        [1.0],
        [],
        None,
        [1e300, 0.0],
    ]
    table = read_table(pa.table({"v": pa.array(column, pa.list_(pa.float64()))}))
    made = VectorCells(table, "v")
    assert made.present.tolist() == [True, False, False, False, True, False, False, False]
    assert [issue.row for issue in made.issues] == [1, 2, 3, 7] and made.broken == 4
    assert all("NaN" in issue.reason for issue in made.issues)
    assert made.width == 1  # of two widths that are equally frequent, the smaller
    _, present, issues = made.take(np.arange(8), 2)
    assert present.tolist() == [True] + [False] * 7
    assert [(issue.row, issue.reason) for issue in issues] == [(4, "a vector of 1 numbers, not of 2")]


@pytest.mark.parametrize("text", ["[1, true]", '["a"]', "[1,]", "1, 2", "{}", "[[1]]", "[1] [2]", "[NaN]"])
def test_text_that_is_no_list_of_numbers_is_broken(text) -> None:
    made = VectorCells(read_table({"v": ["[1]", text, "", "nan"]}), "v")
    assert made.present.tolist() == [True, False, False, False]
    assert [issue.row for issue in made.issues] == [1] and made.issues[0].value == text


def test_a_column_of_one_kind_of_value_that_is_no_vector() -> None:
    table = read_table(
        pa.table({"n": [1, None], "s": [{"a": 1}, None], "l": pa.array([["x"], None], pa.list_(pa.string()))})
    )
    for name, words in (("n", "single value"), ("s", "structures"), ("l", "do not hold numbers")):
        made = VectorCells(table, name)
        assert not made.present.any() and [issue.row for issue in made.issues] == [0]
        assert words in made.issues[0].reason
        with pytest.raises(UsageError, match="holds no vector"):
            infer_schema(table, vector=[name])


def test_other_values_among_the_vectors_of_a_data_frame_are_listed() -> None:
    frame = pd.DataFrame({"v": [np.ones(2), [0.5, 1], "broken", None, 7, np.zeros(2)]})
    table = read_table(frame)
    assert [(i.row, i.column) for i in table.issues] == [(2, "v"), (4, "v")]
    assert VectorCells(table, "v").present.tolist() == [True, True, False, False, False, True]


def test_other_values_among_the_vectors_of_json_lines_are_listed(tmp_path) -> None:
    lines = [{"v": [1, 2]}, {"v": [0.5, 1]}, {"v": "broken"}, {"v": None}, {}, {"v": []}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = read_table(tmp_path / "t.jsonl")
    assert [(i.row, i.column) for i in table.issues] == [(2, "v")]
    assert VectorCells(table, "v").present.tolist() == [True, True] + [False] * 4


def test_lists_of_different_widths_are_not_taken_for_a_vector() -> None:
    table = read_table({"v": [[1] * (1 + row % 3) for row in range(30)], "t": ["some words to read"] * 30})
    column = infer_schema(table).columns[0]
    assert (column.kind, column.role) == ("other", "ignored") and "different widths" in column.why


def test_vectors_are_audited_by_the_width_of_most() -> None:
    table = read_table({"lidar": [[1.0, 2.0]] * 9 + [[1.0]] + [None], "t": ["some words to read"] * 11})
    found = audit(table, infer_schema(table, vector=["lidar"], text=["t"]))
    column = found.columns[0]
    assert (column["present"], column["absent"], column["broken"]) == (9, 1, 1)
    assert found.patterns == {"text+lidar": 9, "text": 2}
    assert found.broken[0].row == 9 and "1 numbers, not of 2" in found.broken[0].reason


@pytest.mark.parametrize("name", ["image", "Audio", "none", "a+b", "a/b", "a\\b", "a:b"])
def test_names_that_no_modality_can_have(name) -> None:
    table = read_table({name: [[1.0], [2.0]], "t": ["some words to read"] * 2})
    with pytest.raises(UsageError, match="rename the column"):
        infer_schema(table, vector=[name])
    found = infer_schema(table).columns[0]
    assert found.role == "ignored" and "rename the column" in found.why


def test_patterns_of_six_modalities_and_no_more() -> None:
    names = ["image", "text", "audio", "tabular", "lidar", "雷达"]
    patterns = all_patterns(reversed(names))
    assert len(set(patterns)) == 64
    assert patterns[0] == "image+text+audio+tabular+lidar+雷达" and patterns[-1] == "none"
    assert pattern_name(["lidar", "audio"]) == "audio+lidar"
    columns = {f"v{number}": [[1.0, 2.0]] * 3 for number in range(7)}
    table = read_table(columns)
    assert infer_schema(table).modalities == ("v0", "v1", "v2", "v3", "v4", "v5")
    with pytest.raises(UsageError, match="at most 6"):
        infer_schema(table, vector=list(columns))
    assert modality_kind("lidar") == "vector" and modality_kind("audio") == "audio"


def test_digests_tell_equal_vectors() -> None:
    table = read_table({"v": [[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], None]})
    digests = VectorCells(table, "v").digests(EVERY)
    assert (digests[0] == digests[1]).all() and (digests[0] != digests[2]).any() and not digests[3].any()


def test_a_few_broken_cells_do_not_hide_a_column_of_json_lists() -> None:
    column = ["oops"] + ["[1, 2.5]"] * 18 + ["[3, "]
    schema = infer_schema(read_table({"v": column}))
    assert schema.modalities == ("v",)
    assert [issue.row for issue in VectorCells(read_table({"v": column}), "v").issues] == [0, 19]


def test_a_long_broken_vector_is_shown_by_its_beginning() -> None:
    table = read_table(pa.table({"v": pa.array([[0.0] * 70_000, [1.0]], pa.list_(pa.float32()))}))
    (issue,) = VectorCells(table, "v").issues
    assert "70,000 numbers, at most 65,536" in issue.reason and len(issue.value) <= 60


@given(st.lists(st.one_of(st.text(max_size=30), st.from_regex(r"\[[-0-9., eE\[\]]{0,20}\]", fullmatch=True))))
@settings(deadline=None)
def test_any_text_is_a_vector_absent_or_broken(column) -> None:
    made = VectorCells(Table(pa.table({"v": pa.array(column, pa.string())})), "v")
    values, present, issues = made.take(np.arange(len(column)), made.width)
    assert np.isfinite(values).all() and values.shape == (len(column), made.width)
    broken = {issue.row for issue in made.issues}
    assert not made.present[sorted(broken)].any()
    assert (present.sum() + len(issues)) == made.present.sum()
