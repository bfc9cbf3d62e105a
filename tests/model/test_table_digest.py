"""The digest of a table: equal for the same rows however they are kept, another for any other cell."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from motet.data import Table, read_table
from motet.model import table_digest
from motet.model.table_digest import WINDOW

COLUMNS: dict[str, list[Any]] = {
    "title": ["a lamp", "台灯", None, 'a, "b"\nc', "nan"],
    "photo": ["1.jpg", None, "3.jpg", "4.jpg", "5.jpg"],
    "price": [1, 20, -3, None, 5],
    "new": [True, False, None, True, True],
}


def digest(**columns: Any) -> str:
    return table_digest(Table(pa.table(columns)))


def test_the_same_rows_in_any_file_and_any_order_of_columns(tmp_path: Path) -> None:
    data = pa.table(COLUMNS)
    pa.csv.write_csv(data, tmp_path / "t.csv")
    pq.write_table(data.select(list(reversed(COLUMNS))), tmp_path / "t.parquet", row_group_size=2)
    lines = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    tables = [read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.parquet"), read_table(lines)]
    assert len({table_digest(table) for table in tables} | {digest(**COLUMNS)}) == 1
    assert digest(title=["", "b"]) == digest(title=[None, "b"])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_binary()])
def test_chunks_and_windows_do_not_matter(kind: pa.DataType) -> None:
    random = np.random.default_rng(0)
    words = ["x" * size if size else None for size in random.integers(0, 9, 2 * WINDOW + 7).tolist()]
    whole = pa.array(words).cast(kind)
    ends = [0, 0, 1, WINDOW - 1, WINDOW + 3, len(words)]
    parted = pa.chunked_array([whole[a:b] for a, b in pairwise(ends)])
    assert digest(title=whole) == digest(title=parted)
    assert digest(title=whole[5:]) == digest(title=pa.array(words[5:]).cast(kind))


@pytest.mark.parametrize(
    "other",
    [
        {"title": ["ab", "c", "d"]},  # the same characters, parted elsewhere
        {"title": ["c", "ab", None]},
        {"title": ["a", "bc"]},
        {"title": ["a", "bc", None, None]},
        {"Title": ["a", "bc", None]},
        {"title": ["a", "bc", None], "more": [None, None, None]},
        {"title": ["a", "b\0", None]},
    ],
)
def test_any_other_table_has_another_digest(other: dict[str, list[Any]]) -> None:
    assert digest(title=["a", "bc", None]) != digest(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([b"\xff\xd8", None], [b"\xff\xd9", None]),
        ([{"bytes": b"\xff", "path": None}], [{"bytes": b"\xfe", "path": None}]),
        ([[1.0, 2.0]], [[1.0, 2.5]]),
        ([datetime(2020, 1, 2)], [datetime(2020, 1, 3)]),
        ([timedelta(1)], [timedelta(2)]),
        ([1.5, None], [1.25, None]),
    ],
    ids=["bytes", "structures", "lists", "dates", "durations", "fractions"],
)
def test_cells_of_any_type_count(one: list[Any], other: list[Any]) -> None:
    assert digest(cell=one) == digest(cell=pa.chunked_array([pa.array(one)]))
    assert digest(cell=one) != digest(cell=other)
    assert digest(cell=[None, b"ab"]) == digest(cell=[None, "ab"])


def test_memory_does_not_grow_with_the_table() -> None:
    column = pa.chunked_array([pa.array([None, *["x" * 1000] * WINDOW])] * 20)
    usual = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counted)
    try:
        digest(title=column)
    finally:
        pa.set_memory_pool(usual)
    # absent cells make it copy: of twenty chunks of four megabytes a few copies of one may be held
    assert 1e6 < (counted.max_memory() or 0) < 20e6
