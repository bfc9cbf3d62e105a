"""Rows that are mostly zero, in compressed sparse row form, on numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SparseRows:
    """N rows of D columns: row i has values[start[i]:start[i+1]] at columns[start[i]:start[i+1]]."""

    start: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    width: int

    def __len__(self) -> int:
        return len(self.start) - 1

    def take(self, rows: npt.NDArray[np.integer]) -> SparseRows:
        """The given rows, still sparse."""
        first, counts = self.start[rows], np.diff(self.start)[rows]
        ends = np.cumsum(counts)
        inside = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        at = np.repeat(first, counts) + inside
        return SparseRows(np.concatenate([[0], ends]), self.columns[at], self.values[at], self.width)

    def dense(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """The given rows as [B, D] float32."""
        few = self.take(rows)
        out = np.zeros((len(few), self.width), np.float32)
        out[np.repeat(np.arange(len(few)), np.diff(few.start)), few.columns] = few.values
        return out
