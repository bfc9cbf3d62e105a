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

    def dense(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """The given rows as [B, D] float32."""
        first, counts = self.start[rows], np.diff(self.start)[rows]
        ends = np.cumsum(counts)
        inside = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
        at = np.repeat(first, counts) + inside
        out = np.zeros((len(rows), self.width), np.float32)
        out[np.repeat(np.arange(len(rows)), counts), self.columns[at]] = self.values[at]
        return out
