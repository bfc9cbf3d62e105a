"""How much each row counts in training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.schema import Schema
from motet.data.table import Table, excerpt
from motet.data.tabular_cells import numbers_of
from motet.errors import TableError


def row_weights(table: Table, schema: Schema, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
    """Weights [n] of the given rows, 1 on average; None where no column holds weights.

    Raises TableError for a cell that is no finite number from 0, with its row, and where all are 0.
    """
    if schema.weight is None:
        return None
    weights = numbers_of(table.column(schema.weight), schema.weight, precision=np.float64)[0][rows]
    wrong = np.flatnonzero(~(weights >= 0))
    if len(wrong):
        row = int(rows[wrong[0]])
        cell = table.column(schema.weight)[row].as_py()
        said = "the cell is empty" if cell in (None, "") else f"{excerpt(cell)!r} is no number from 0"
        raise TableError(
            f"weight column {schema.weight!r}, row {row}: {said}; mend it (0 leaves a row out, 1 is usual)"
        )
    if not weights.any():
        raise TableError(
            f"weight column {schema.weight!r} is 0 in every training row: nothing would be learned"
        )
    share: npt.NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return share
