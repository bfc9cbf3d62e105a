"""Which rows train, which choose, which test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motet.data.classes import Labels
from motet.data.schema import Schema
from motet.data.table import Table


@dataclass(frozen=True)
class Split:
    """Row numbers (int64, ascending) of each side, and notes on what was decided."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()


def make_split(
    table: Table,
    schema: Schema,
    labels: Labels,
    *,
    test_size: float = 0.15,
    validation_size: float = 0.15,
    seed: int = 0,
) -> Split:
    """Split the labelled rows, stratified by label, with groups and exact duplicates kept on one side."""
    raise NotImplementedError
