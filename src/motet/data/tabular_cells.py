"""The numbers and categories of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from motet.data.table import CellIssue, Table

Rows = npt.NDArray[np.int64]


class TabularCells:
    """The numeric and categorical columns of a table."""

    modality = "tabular"

    def __init__(self, table: Table, numeric: Sequence[str], categorical: Sequence[str]) -> None:
        self.numeric = tuple(numeric)
        self.categorical = tuple(categorical)
        self.issues: list[CellIssue] = []
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.present)

    def numbers(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return [n, K] float32 of the numeric columns, NaN where absent."""
        raise NotImplementedError

    def categories(self, rows: Rows) -> list[npt.NDArray[np.object_]]:
        """Return, for each categorical column, [n] text or None."""
        raise NotImplementedError

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the numbers and categories of each row."""
        raise NotImplementedError
