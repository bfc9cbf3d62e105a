"""Rows without a label that a model may learn from all the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.classes import Labels
from motet.data.schema import Schema
from motet.data.splits import TEST, Split, row_units, split_sides
from motet.data.table import Table

Rows = npt.NDArray[np.int64]


def unlabelled_rows(table: Table, schema: Schema, labels: Labels, split: Split) -> tuple[Rows, Rows]:
    """Rows [U] without a label that are no test rows, and the unit [N] of every row of the table.

    Left out are rows that a split column puts on the test side, and those of a unit (a group, exact duplicates) with a
    test row: what is measured would have been seen.
    """
    units = row_units(table, schema, np.arange(len(table)), [])
    without = labels.values == -1
    if schema.split is not None:
        without &= split_sides(table, schema.split) != TEST
    without &= ~np.isin(units, units[split.test])
    return np.flatnonzero(without), units
