"""The table that everything reads: Arrow columns, the folder of its pictures, and what reading found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.errors import UsageError

MAX_LISTED = 10_000  # issues listed for one column; the rest are counted in a note


@dataclass(frozen=True)
class CellIssue:
    """One cell that could not be used as it stood: its row (from 0), column, reason, and a short excerpt.

    broken says that the cell counts as absent; False where it was repaired or cut and is used.
    """

    row: int
    column: str
    reason: str
    value: str = ""
    broken: bool = True

    def to_json(self) -> dict[str, object]:
        """Return the issue as JSON data."""
        return {"row": self.row, "column": self.column, "reason": self.reason, "value": self.value}


@dataclass(frozen=True)
class Table:
    """Rows and named columns in Arrow, never as Python objects.

    root   folder that picture paths start from and may not leave; None where the table has no folder.
    notes  what the reader decided (encoding, repairs), in words.
    issues cells that were repaired or set to absent while reading.
    """

    data: pa.Table
    root: Path | None = None
    name: str = "table"
    notes: tuple[str, ...] = ()
    issues: tuple[CellIssue, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.data.column_names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column; UsageError with close matches where there is none of that name."""
        if name not in self.data.column_names:
            raise UsageError(missing_column(name, self.columns, self.name))
        return self.data.column(name)


def missing_column(name: str, columns: Iterable[str], table: str) -> str:
    """Say that a column is missing and which names come close."""
    names = list(columns)
    padded = next((other for other in names if other.strip() == name.strip()), None)
    if padded is not None:
        return (
            f"{table} has no column {name!r}, but one called {padded!r}: "
            "spaces at the beginning and the end count"
        )
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [
        other for other in names if other.casefold() == name.casefold()
    ]
    hint = f"did you mean {' or '.join(repr(other) for other in close)}?" if close else f"it has {names[:30]}"
    return f"{table} has no column {name!r}: {hint}"


def gather(column: pa.ChunkedArray, rows: npt.NDArray[np.int64]) -> pa.Array:
    """Return the cells of `rows` ([n] row numbers, any order), chunk by chunk so that no offset overflows."""
    if column.num_chunks == 1:
        return column.chunk(0).take(pa.array(rows))
    starts = np.cumsum([0] + [len(chunk) for chunk in column.chunks])
    which = np.searchsorted(starts, rows, side="right") - 1
    parts, order = [], []
    for number in np.unique(which):
        here = np.flatnonzero(which == number)
        parts.append(column.chunk(int(number)).take(pa.array(rows[here] - starts[number])))
        order.append(here)
    if not parts:
        return pa.array([], type=column.type)
    inverse = np.argsort(np.concatenate(order), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(inverse))


def excerpt(value: object, length: int = 60) -> str:
    """Return a short printable form of any value."""
    text = value if isinstance(value, str) else repr(value[:length] if isinstance(value, bytes) else value)
    text = "".join(c if c.isprintable() else "�" for c in text[: length + 1])
    return text if len(text) <= length else text[: length - 1] + "…"
