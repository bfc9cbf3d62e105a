"""The words of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from motet.data.table import CellIssue, Table

Rows = npt.NDArray[np.int64]


class TextCells:
    """The text columns of a table, read together."""

    modality = "text"

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.issues: list[CellIssue] = []
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> list[str]:
        """Return the text of each row: one column as it is, several as "name: text" lines, "" where absent."""
        raise NotImplementedError

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the text of each row."""
        raise NotImplementedError
