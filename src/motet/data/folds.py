"""Which labelled rows are held out together, so that every row can be answered by heads that never saw it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.schema import Schema
from motet.data.splits import units
from motet.data.table import Table

Rows = npt.NDArray[np.int64]


def make_folds(
    table: Table, schema: Schema, rows: Rows, classes: npt.NDArray[np.int64], *, count: int, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Return [n] the fold of each of `rows`, from 0 to at most `count` - 1, with none left out in between.

    classes [n] : class of each row. Folds are stratified by class; groups and exact duplicates stay in one fold,
    so there may be fewer folds than asked for. The same rows and seed give the same folds.
    """
    _, unit, size = np.unique(units(table, schema, rows, []), return_inverse=True, return_counts=True)
    first = np.zeros(len(size), np.int64)
    first[unit] = classes
    shuffled = np.random.default_rng(seed).permutation(len(size))
    # Dealt out class by class, the large ones first, like cards: no fold gets more than its share of a class.
    order = shuffled[np.lexsort((-size[shuffled], first[shuffled]))]
    fold = np.empty(len(size), np.int64)
    fold[order] = np.arange(len(size)) % count
    return fold[unit]
