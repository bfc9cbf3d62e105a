"""The pairs of a table, and the side of each picture, as the options of a task say."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from motet.data import Pairs, Schema, Table, read_pairs, split_pairs


class SplitOptions(Protocol):
    """What options of every task say about sides."""

    @property
    def test_size(self) -> float:
        """Share of the pictures that test."""
        ...

    @property
    def validation_size(self) -> float:
        """Share of the pictures that choose."""
        ...

    @property
    def seed(self) -> int:
        """Sides are drawn by it."""
        ...


def divided_pairs(
    table: Table, schema: Schema, options: SplitOptions
) -> tuple[Pairs, npt.NDArray[np.int8], tuple[str, ...]]:
    """The pairs, the side [P] of each picture, and notes of the split; raises as `read_pairs` and `split_pairs` do."""
    pairs = read_pairs(table, schema)
    sides, notes = split_pairs(
        pairs,
        table,
        schema,
        test_size=options.test_size,
        validation_size=options.validation_size,
        seed=options.seed,
    )
    return pairs, sides, notes
