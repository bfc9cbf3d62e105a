"""The words of each row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import has_words, text_of
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt, gather

Rows = npt.NDArray[np.int64]
MAX_CHARACTERS = 100_000  # of one cell; no encoder reads a thousandth of it
DIGEST = 16  # bytes


class TextCells:
    """The text columns of a table, read together.

    present [N] bool: some column has more than white space.
    issues  cells that are no text, and cells that were cut.
    """

    modality = "text"

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.issues: list[CellIssue] = []
        self._text: dict[str, pa.ChunkedArray] = {}
        self._filled: dict[str, npt.NDArray[np.bool_]] = {}
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        for name in self.columns:
            if name not in table.columns:
                continue
            text, issues = text_of(table.column(name), name)
            self.issues += issues + _too_long(text, name)
            self._text[name] = text
            self._filled[name] = has_words(text)
            self.present = self.present | self._filled[name]

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> list[str]:
        """Return the text of each row: one column as it is, several as "name: text" lines.

        Empty columns are left out; a row without words has "".
        """
        rows = np.asarray(rows, np.int64)
        if len(self.columns) == 1:
            return next(iter(self._cells(rows).values()), [""] * len(rows))
        lines: list[list[str]] = [[] for _ in range(len(rows))]
        for name, texts in self._cells(rows).items():
            for line, text in zip(lines, texts, strict=True):
                if text:
                    line.append(f"{name}: {text}")
        return ["\n".join(line) for line in lines]

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the text of each row."""
        rows = np.asarray(rows, np.int64)
        made = np.empty((len(rows), DIGEST), np.uint8)
        for start in range(0, len(rows), 1 << 16):
            texts = self.take(rows[start : start + (1 << 16)])
            joined = b"".join(blake2b(text.encode(), digest_size=DIGEST).digest() for text in texts)
            made[start : start + len(texts)] = np.frombuffer(joined, np.uint8).reshape(-1, DIGEST)
        return made

    def _cells(self, rows: Rows) -> dict[str, list[str]]:
        cells = {}
        for name, column in self._text.items():
            texts = gather(column, rows).to_pylist()
            filled = self._filled[name][rows].tolist()
            cells[name] = [
                text[:MAX_CHARACTERS] if here else "" for text, here in zip(texts, filled, strict=True)
            ]
        return cells


def _too_long(column: pa.ChunkedArray, name: str) -> list[CellIssue]:
    issues, start = [], 0
    for chunk in column.chunks:
        # bytes are at least as many as characters, and cost nothing to count
        large = np.flatnonzero(
            pc.greater(pc.binary_length(chunk), MAX_CHARACTERS).fill_null(False).to_numpy(False)
        )
        for row in large[:MAX_LISTED].tolist():
            length = pc.utf8_length(chunk[row]).as_py()
            if length > MAX_CHARACTERS:
                reason = f"{length:,} characters: only the first {MAX_CHARACTERS:,} are read"
                shown = excerpt(chunk[row].as_py()[:100])
                issues.append(CellIssue(start + row, name, reason, shown, broken=False))
        start += len(chunk)
    return issues
