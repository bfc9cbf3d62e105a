"""A part of the rows held out, with features as encoders that never saw that part give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.encoders import FeatureTable

Rows = npt.NDArray[np.int64]
Tables = Mapping[str, FeatureTable]


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows held out.

    tables : features of each source for the same N rows, by encoders that learned from the rows of `fit` alone.
    labels : [N] class numbers, or [N, ...] what else is true of each row.
    weights : [N] of the rows in the loss, or None for equal ones.
    fit, held : row numbers, which share none. `held` is empty where the last heads are fitted on all rows.
    """

    tables: Tables
    labels: npt.NDArray[Any]
    fit: Rows
    held: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    weights: npt.NDArray[np.float32] | None = None

    def weights_of(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Weights [n] of some rows."""
        return np.ones(len(rows), np.float32) if self.weights is None else self.weights[rows]
