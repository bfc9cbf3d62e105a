"""The label column becomes numbers: what regression learns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.classes import Labels, label_column
from motet.data.decimal_marks import column_reading, reading_note
from motet.data.schema import Schema
from motet.data.table import Table, excerpt
from motet.data.tabular_cells import numbers_of
from motet.errors import TableError

STRATA = 10  # parts of equal size by value, which splits and folds keep in their shares
LEAST_ROWS = 10  # of a stratum


def quantities(table: Table, schema: Schema) -> Labels:
    """Read the label column as numbers; TableError where it holds none, or the same in every row."""
    made = encode_quantities(table, schema)
    known = made.truth[made.values >= 0]
    if len(known) == 0:
        first = f" (such as {made.issues[0].value!r}, row {made.issues[0].row})" if made.issues else ""
        raise TableError(f"label column {schema.label!r} holds no number in any of {len(table)} rows{first}")
    if known.min() == known.max():
        raise TableError(
            f"label column {schema.label!r} is constant: every row that has a number says "
            f"{excerpt(float(known[0]))}; there is nothing to learn"
        )
    return made


def encode_quantities(table: Table, schema: Schema) -> Labels:
    """Read the label column as numbers, constant or not; a cell that is no finite number is an issue."""
    name = label_column(table, schema)
    known = schema.decimal(name)
    numbers, issues = numbers_of(table.column(name), name, precision=np.float64, known=known)
    note = reading_note(name, column_reading(table.column(name), name, known))
    notes = () if note is None else (note,)
    return Labels(_strata(numbers), (), "float", tuple(issues), "number", numbers, notes)


def _strata(numbers: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Which tenth of the known numbers each lies in, fewer parts where they are few; -1 where it is not known."""
    known = numbers[~np.isnan(numbers)]
    count = max(1, min(STRATA, len(known) // LEAST_ROWS))
    inner = np.quantile(known, np.arange(1, count) / count) if len(known) else np.zeros(0)
    return np.where(np.isnan(numbers), -1, np.searchsorted(inner, numbers, side="right")).astype(np.int64)
