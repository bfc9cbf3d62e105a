"""The numbers and categories of each row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt, gather

Rows = npt.NDArray[np.int64]
DIGEST = 16  # bytes
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
NO_NUMBER = ("na", "n/a", "nan", "null", "none", "-", "?")  # absent where a number is expected


class TabularCells:
    """The numeric and categorical columns of a table.

    present [N] bool: some number can be read or some category is not empty.
    issues  cells of numeric columns that are no number; "NA", "nan", "null", "-" there count as absent.
    """

    modality = "tabular"

    def __init__(self, table: Table, numeric: Sequence[str], categorical: Sequence[str]) -> None:
        self.numeric = tuple(numeric)
        self.categorical = tuple(categorical)
        self.issues: list[CellIssue] = []
        self._numbers = np.full((len(table), len(self.numeric)), np.nan, np.float32)
        self._words: dict[str, pa.ChunkedArray] = {}
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        for position, name in enumerate(self.numeric):
            if name in table.columns:
                self._numbers[:, position], issues = numbers_of(table.column(name), name)
                self.issues += issues
        if self.numeric:
            self.present |= ~np.isnan(self._numbers).all(axis=1)
        for name in self.categorical:
            if name in table.columns:
                words, issues = text_of(table.column(name), name)
                self.issues += issues
                self._words[name] = _plain_booleans(_trimmed(words))
                self.present |= self._words[name].is_valid().to_numpy()

    def __len__(self) -> int:
        return len(self.present)

    def numbers(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return [n, K] float32 of the numeric columns, NaN where absent."""
        return self._numbers[rows]

    def categories(self, rows: Rows) -> list[npt.NDArray[np.object_]]:
        """Return, for each categorical column, [n] text or None."""
        rows = np.asarray(rows, np.int64)
        made = []
        for name in self.categorical:
            values = np.full(len(rows), None, object)
            if name in self._words:
                values[:] = gather(self._words[name], rows).to_pylist()
            made.append(values)
        return made

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the numbers and categories of each row."""
        rows = np.asarray(rows, np.int64)
        numbers = np.ascontiguousarray(self.numbers(rows))
        words = self.categories(rows)
        made = np.empty((len(rows), DIGEST), np.uint8)
        for position in range(len(rows)):
            cells = repr([column[position] for column in words]).encode()
            whole = blake2b(numbers[position].tobytes() + cells, digest_size=DIGEST)
            made[position] = np.frombuffer(whole.digest(), np.uint8)
        return made


def numbers_of(
    column: pa.ChunkedArray, name: str, *, precision: type[np.floating] = np.float32
) -> tuple[npt.NDArray[np.floating], list[CellIssue]]:
    """Return [N] floats, NaN where a cell is empty or no finite number, and the cells that are no number."""
    kind = column.type
    unreadable: list[CellIssue] = []
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        wide = column.cast(pa.float64(), safe=False)
        values = pc.fill_null(wide, np.nan).to_numpy().astype(np.float64)
        text = None
    elif pa.types.is_decimal(kind):
        return numbers_of(column.cast(pa.float64()), name, precision=precision)
    else:
        text, unreadable = text_of(column, name)
        text = _trimmed(text)
        parts = [_parsed(chunk) for chunk in text.chunks]
        values = np.concatenate(parts) if parts else np.zeros(0)
        nothing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(NO_NUMBER, text.type))
        text = pc.if_else(nothing, pa.scalar(None, text.type), text)
    with np.errstate(over="ignore"):
        made = values.astype(precision)
    made[np.isinf(made)] = np.nan
    wrong = np.isnan(made) & (text.is_valid().to_numpy() if text is not None else np.isinf(values))
    cells = column if text is None else text
    found = [
        CellIssue(row, name, "not a number", excerpt(cells[row].as_py()))
        for row in np.flatnonzero(wrong)[:MAX_LISTED].tolist()
    ]
    return made, unreadable + found


def _parsed(chunk: pa.Array) -> npt.NDArray[np.float64]:
    grouped = pc.match_substring_regex(chunk, THOUSANDS)
    if pc.any(grouped).as_py():
        chunk = pc.if_else(grouped, pc.replace_substring(chunk, ",", ""), chunk)
    number = pc.if_else(pc.match_substring_regex(chunk, NUMBER), chunk, pa.scalar(None, chunk.type))
    plain = pc.utf8_ltrim(number, "+")
    return np.asarray(plain.cast(pa.float64()).to_numpy(False), np.float64)


def _plain_booleans(words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write "True" as "true": a file holds it as a word, a DataFrame made from that file as a boolean."""
    lower = pc.utf8_lower(words)
    return pc.if_else(pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type)), lower, words)


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """White space off both ends, and null where nothing is left."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, trimmed.type), trimmed)
