"""The rows of each value of a column: categories, or the quartiles of numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.table import Table, gather
from motet.data.tabular_cells import numbers_of
from motet.errors import UsageError

Rows = npt.NDArray[np.int64]
MOST = 20  # values that are told apart; numbers with more are cut at their quartiles


@dataclass(frozen=True)
class Slice:
    """Rows that a column puts together: what they are called, and their places [n] among the rows asked about.

    kind : `value`, `range` (of numbers), `rest` (of the rarer values) or `empty`.
    """

    name: str
    kind: Literal["value", "range", "rest", "empty"]
    at: Rows


def column_slices(table: Table, name: str, rows: Rows) -> list[Slice]:
    """Part the given rows [n] by the values of a column, the most frequent first; each row is in one slice.

    Up to 20 values are told apart. Of more, numbers are cut at their quartiles among these rows; of words the 20 most
    frequent that two rows have are told apart, and the rest is one slice. Rows without a value are a slice too.

    Raises UsageError for a column that is not there, or that holds neither words nor numbers.
    """
    column = table.column(name)
    cells = pa.chunked_array([gather(column, rows)], type=column.type)
    words, issues = text_of(cells, name)
    if issues:
        raise UsageError(
            f"{table.name}: column {name!r}, row {rows[issues[0].row]}: {issues[0].reason}: "
            "slice by a column of words or numbers"
        )
    words = pc.utf8_trim_whitespace(words)
    values = np.array([value or "" for value in words.to_pylist()], object)
    filled = np.flatnonzero(values != "")
    counted = Counter(values[filled].tolist())
    slices = _quartiles(cells, name, filled) if len(counted) > MOST else []
    if not slices:
        ranked = sorted(counted, key=lambda value: (-counted[value], value))
        several = [value for value in ranked if counted[value] > 1]
        shown = ranked if len(ranked) <= MOST else several[:MOST]
        slices = [Slice(value, "value", np.flatnonzero(values == value)) for value in shown]
        rest = filled[~np.isin(values[filled].astype(str), shown)]
        if len(rest):
            slices.append(Slice(f"{len(ranked) - len(shown)} other values", "rest", rest))
    empty = np.flatnonzero(values == "")
    return [*slices, Slice("no value", "empty", empty)] if len(empty) else slices


def _quartiles(cells: pa.ChunkedArray, name: str, filled: Rows) -> list[Slice]:
    """A slice for each quarter of the numbers; none where a cell that is filled holds no number."""
    numbers, _ = numbers_of(cells, name)
    numbers = numbers[filled]
    if np.isnan(numbers).any():
        return []
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75], method="lower"))
    edges = edges[edges < numbers.max()]
    part = np.searchsorted(edges, numbers, side="left")  # a number on an edge belongs below it
    written = [f"{edge:.6g}" for edge in edges]
    names = [
        " ".join(
            ([f"above {written[i - 1]}"] if i else []) + ([f"up to {written[i]}"] if i < len(edges) else [])
        )
        for i in range(len(edges) + 1)
    ]
    return [Slice(names[i], "range", filled[part == i]) for i in range(len(names)) if (part == i).any()]
