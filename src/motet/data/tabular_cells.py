"""The numbers and categories of each row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of, trimmed
from motet.data.decimal_marks import EITHER_WAY, OPEN_COMMA, OPEN_POINT, Reading, plain_numbers, reading_of
from motet.data.schema import Mark
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt, gather

Rows = npt.NDArray[np.int64]
DIGEST = 16  # bytes
UNKNOWN: Mapping[str, Mark | None] = {}
_OPEN = re.compile(f"{OPEN_COMMA}|{OPEN_POINT}")
NO_NUMBER = ("na", "n/a", "nan", "null", "none", "-", "?")  # absent where a number is expected


class TabularCells:
    """The numeric and categorical columns of a table.

    present [N] bool: some number can be read or some category is not empty.
    issues  cells of numeric columns that are no number; "NA", "nan", "null", "-" there count as absent.
    marks   of decimals, by column, where they are known from elsewhere (see `decimal_marks`).
    """

    modality = "tabular"

    def __init__(
        self,
        table: Table,
        numeric: Sequence[str],
        categorical: Sequence[str],
        marks: Mapping[str, Mark | None] = UNKNOWN,
    ) -> None:
        self.numeric = tuple(numeric)
        self.categorical = tuple(categorical)
        self.issues: list[CellIssue] = []
        self._numbers = np.full((len(table), len(self.numeric)), np.nan, np.float32)
        self._words: dict[str, pa.ChunkedArray] = {}
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        for position, name in enumerate(self.numeric):
            if name in table.columns:
                read = numbers_of(table.column(name), name, known=marks.get(name))
                self._numbers[:, position], issues = read
                self.issues += issues
        if self.numeric:
            self.present |= ~np.isnan(self._numbers).all(axis=1)
        for name in self.categorical:
            if name in table.columns:
                words, issues = text_of(table.column(name), name)
                self.issues += issues
                self._words[name] = _plain_booleans(trimmed(words))
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
    column: pa.ChunkedArray,
    name: str,
    *,
    precision: type[np.floating] = np.float32,
    known: Mark | None = None,
) -> tuple[npt.NDArray[np.floating], list[CellIssue]]:
    """Return [N] floats, NaN where a cell is empty or no finite number, and the cells that are no number.

    Text is read as the whole column has it; known : the mark of decimals where it is known from elsewhere.
    """
    kind = column.type
    both = False
    unreadable: list[CellIssue] = []
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        wide = column.cast(pa.float64(), safe=False)
        values = pc.fill_null(wide, np.nan).to_numpy().astype(np.float64)
        text = None
    elif pa.types.is_decimal(kind):
        return numbers_of(column.cast(pa.float64()), name, precision=precision)
    else:
        text, unreadable = text_of(column, name)
        text = trimmed(text)
        reading = reading_of(text, known)
        both = reading.both
        parts = [_parsed(chunk, reading) for chunk in text.chunks]
        values = np.concatenate(parts) if parts else np.zeros(0)
        nothing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(NO_NUMBER, text.type))
        text = pc.if_else(nothing, pa.scalar(None, text.type), text)
    with np.errstate(over="ignore"):
        made = values.astype(precision)
    made[np.isinf(made)] = np.nan
    wrong = np.isnan(made) & (text.is_valid().to_numpy() if text is not None else np.isinf(values))
    cells = column if text is None else text
    found = [
        CellIssue(row, name, EITHER_WAY if both and _OPEN.match(value) else "not a number", excerpt(value))
        for row in np.flatnonzero(wrong)[:MAX_LISTED].tolist()
        for value in [str(cells[row].as_py())]
    ]
    return made, unreadable + found


def _parsed(chunk: pa.Array, reading: Reading) -> npt.NDArray[np.float64]:
    plain = pc.utf8_ltrim(plain_numbers(chunk, reading), "+")
    return np.asarray(plain.cast(pa.float64()).to_numpy(False), np.float64)


def _plain_booleans(words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write "True" as "true": a file holds it as a word, a DataFrame made from that file as a boolean."""
    lower = pc.utf8_lower(words)
    return pc.if_else(pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type)), lower, words)
