"""The precomputed numbers of each row: one column of lists, all of one width."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data.casting import is_bytes_type, text_of
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt
from motet.data.tabular_cells import NO_NUMBER

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
DIGEST = 16  # bytes
MAX_WIDTH = 65_536
"""Most numbers of one cell."""


_ROWS = 4096  # vectors that are gathered at a time


class VectorCells:
    """One column of vectors: lists of numbers in Arrow, or text that is a JSON list of numbers.

    present [N] bool: a list of finite numbers, of any width; null and the empty list are absent.
    width   of most such rows (the smallest of several), 0 where there is none.
    issues  cells that hold something else: listed, and counted in `broken`.
    """

    def __init__(self, table: Table, column: str) -> None:
        self.modality = column
        self.columns = (column,)
        self.issues: list[CellIssue] = []
        self.broken = 0
        lists = _Lists.empty(len(table))
        if column in table.columns:
            lists, reasons = _lists_of(table.column(column), column)
            self.broken = len(reasons)
            self.issues = [
                CellIssue(row, column, reason, _shown(table.column(column)[row]))
                for row, reason in list(reasons.items())[:MAX_LISTED]
            ]
        self._lists = lists
        self._widths = np.diff(lists.start)
        self.present: npt.NDArray[np.bool_] = self._widths > 0

    def __len__(self) -> int:
        return len(self.present)

    @property
    def width(self) -> int:
        """Numbers of most present cells."""
        return self.width_of(np.arange(len(self)))

    def width_of(self, rows: Rows) -> int:
        """Numbers of most present cells of the given rows (the smallest of several widths); 0 where none is."""
        widths = self._widths[rows]
        widths = widths[widths > 0]
        return int(np.bincount(widths).argmax()) if len(widths) else 0

    def take(self, rows: Rows, width: int) -> tuple[Floats, npt.NDArray[np.bool_], list[CellIssue]]:
        """Return [n, width] float32, present [n], and the cells of another width, which are broken.

        What is not present is zero.
        """
        rows = np.asarray(rows, np.int64)
        values = np.zeros((len(rows), width), np.float32)
        present, issues = self.of_width(rows, width)
        here = np.flatnonzero(present)
        for start in range(0, len(here), _ROWS):  # the places of the numbers take twice their room
            some = here[start : start + _ROWS]
            values[some] = self._lists.values[self._lists.start[rows[some]][:, None] + np.arange(width)]
        return values, present, issues

    def of_width(self, rows: Rows, width: int) -> tuple[npt.NDArray[np.bool_], list[CellIssue]]:
        """Return which of the rows hold vectors of this width ([n] bool), and the cells of another one."""
        rows = np.asarray(rows, np.int64)
        present = (self._widths[rows] == width) & self.present[rows]
        wrong = rows[self.present[rows] & ~present]
        return present, [
            CellIssue(row, self.columns[0], f"a vector of {self._widths[row]} numbers, not of {width}")
            for row in wrong[:MAX_LISTED].tolist()
        ]

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the numbers of each row; zeros where there is none."""
        rows = np.asarray(rows, np.int64)
        made = np.zeros((len(rows), DIGEST), np.uint8)
        for position in np.flatnonzero(self.present[rows]).tolist():
            row = rows[position]
            numbers = self._lists.values[self._lists.start[row] : self._lists.start[row + 1]]
            made[position] = np.frombuffer(blake2b(numbers.tobytes(), digest_size=DIGEST).digest(), np.uint8)
        return made


@dataclass(frozen=True)
class _Lists:
    """N lists one behind the other: list i is values[start[i]:start[i + 1]]."""

    start: Rows
    values: Floats

    @classmethod
    def empty(cls, rows: int) -> _Lists:
        return cls(np.zeros(rows + 1, np.int64), np.zeros(0, np.float32))


def is_vector_type(kind: pa.DataType) -> bool:
    """Tell whether cells of this Arrow type are lists of numbers."""
    return _is_list(kind) and (
        pa.types.is_floating(kind.value_type)
        or pa.types.is_integer(kind.value_type)
        or pa.types.is_decimal(kind.value_type)
    )


def parse_vector(text: str) -> list[float] | None:
    """Return the numbers of a JSON list of numbers, None for any other text."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not all(type(value) in (int, float) for value in values):
        return None
    try:
        return [float(value) for value in values]
    except OverflowError:  # a whole number of hundreds of digits
        return [float("inf")]


def _shown(cell: pa.Scalar) -> str:
    """The beginning of a cell: a list may be long."""
    if _is_list(cell.type) and cell.values is not None:
        return excerpt(cell.values[:16].to_pylist())
    return excerpt(cell.as_py())


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _lists_of(column: pa.ChunkedArray, name: str) -> tuple[_Lists, dict[int, str]]:
    """Return the lists of a column, empty where a cell is absent or broken, and why by row for the broken ones."""
    if is_vector_type(column.type):
        return _joined([_of_chunk(chunk) for chunk in column.chunks])
    if pa.types.is_nested(column.type):
        held = "lists that do not hold numbers" if _is_list(column.type) else "structures"
        rows = np.flatnonzero(column.is_valid().to_numpy()).tolist()
        return _Lists.empty(len(column)), dict.fromkeys(
            rows, f"a vector is a list of numbers: these are {held}"
        )
    if is_bytes_type(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text, unreadable = text_of(column, name)
        parts = _joined([_of_text(chunk) for chunk in text.chunks])
        parts[1].update({issue.row: issue.reason for issue in unreadable})
        return parts
    rows = np.flatnonzero(column.is_valid().to_numpy()).tolist()
    return _Lists.empty(len(column)), dict.fromkeys(rows, "a single value: a vector is a list of numbers")


def _joined(parts: list[tuple[_Lists, dict[int, str]]]) -> tuple[_Lists, dict[int, str]]:
    lengths = [np.diff(part.start) for part, _ in parts]
    start = np.concatenate([[0], np.cumsum(np.concatenate(lengths) if lengths else [])]).astype(np.int64)
    values = [part.values for part, _ in parts]
    whole = values[0] if len(values) == 1 else np.concatenate(values) if values else np.zeros(0, np.float32)
    reasons, first = {}, 0
    for part, found in parts:
        reasons.update({first + row: reason for row, reason in found.items()})
        first += len(part.start) - 1
    return _Lists(start, whole), reasons


def _of_chunk(chunk: pa.Array) -> tuple[_Lists, dict[int, str]]:
    valid = chunk.is_valid().to_numpy(False)
    # flatten leaves out what lies under a null, so that lengths and values agree
    flat = chunk.flatten()
    if pa.types.is_decimal(flat.type):
        flat = flat.cast(pa.float64())
    with np.errstate(over="ignore"):
        values = np.asarray(flat.to_numpy(zero_copy_only=False)).astype(np.float32, copy=False)
    lengths = np.zeros(len(chunk), np.int64)
    if pa.types.is_fixed_size_list(chunk.type):
        lengths[valid] = chunk.type.list_size
    else:
        lengths[valid] = chunk.drop_null().value_lengths().to_numpy(False)
    return _without_broken(np.concatenate([[0], np.cumsum(lengths)]), values)


def _of_text(chunk: pa.Array) -> tuple[_Lists, dict[int, str]]:
    lengths = np.zeros(len(chunk), np.int64)
    parts: list[Floats] = []
    reasons: dict[int, str] = {}
    for row, text in enumerate(chunk.to_pylist()):
        if text is None or text.strip().casefold() in ("", *NO_NUMBER):
            continue
        numbers = parse_vector(text)
        if numbers is None:
            reasons[row] = "not a JSON list of numbers"
            continue
        with np.errstate(over="ignore"):
            parts.append(np.array(numbers, np.float64).astype(np.float32))
        lengths[row] = len(numbers)
    values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    lists, broken = _without_broken(np.concatenate([[0], np.cumsum(lengths)]), values)
    return lists, reasons | broken


def _without_broken(start: Rows, values: Floats) -> tuple[_Lists, dict[int, str]]:
    """Empty the lists that are too long or hold a number that is not finite; why, by row."""
    lengths = np.diff(start)
    reasons = {
        int(row): f"{lengths[row]:,} numbers, at most {MAX_WIDTH:,} are read"
        for row in np.flatnonzero(lengths > MAX_WIDTH)
    }
    odd = np.flatnonzero(~np.isfinite(values))
    for row in np.unique(np.searchsorted(start, odd, side="right") - 1).tolist():
        reasons.setdefault(row, "the vector holds a null, NaN or infinite number, or one beyond float32")
    if not reasons:
        return _Lists(start, values), {}
    kept = np.ones(len(lengths), bool)
    kept[list(reasons)] = False
    return (
        _Lists(np.concatenate([[0], np.cumsum(lengths * kept)]), values[np.repeat(kept, lengths)]),
        dict(sorted(reasons.items())),
    )
