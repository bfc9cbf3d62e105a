"""What of an audit is cheap enough to be said of every training: no picture and no sound is read for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.auditing import FEW, near_texts
from motet.data.classes import Labels
from motet.data.duplicates import groups_of
from motet.data.findings import alike_classes, small_classes, telling_columns
from motet.data.modalities import cells
from motet.data.schema import Schema
from motet.data.splits import Split
from motet.data.table import Table
from motet.data.text_cells import TextCells

Rows = npt.NDArray[np.int64]


def harmful_findings(table: Table, schema: Schema, labels: Labels, split: Split) -> tuple[str, ...]:
    """Say what makes figures better or classes worse than they are, the most harmful first.

    Nearly the same text across the sides of the split, columns that give the label away, equal inputs with different
    labels, classes with under 5 rows, and classes that are one but for case or spaces.
    """
    text = cells(table, schema).get("text")
    near = near_texts(text) if isinstance(text, TextCells) else []
    sides = np.full(len(labels.values), -1)
    for number, rows in enumerate((split.train, split.validation, split.test)):
        sides[rows] = number
    across = sum(_several(sides[group]) for group in near)
    found = []
    if across:
        found.append(
            f"{_groups(across)} of rows with nearly the same text across train, validation and test: "
            "results will look better than they are"
        )
    if labels.kind != "class":  # strata are no labels: what follows asks whether two rows say the same
        return tuple(found)
    found += telling_columns(table, schema, labels)
    conflicts = sum(_several(labels.values[group]) for group in _same_inputs(schema, labels, split))
    if conflicts:
        found.append(f"{_groups(conflicts)} of the same inputs, different labels")
    conflicts = sum(_several(labels.values[group]) for group in near)
    if conflicts:
        found.append(f"{_groups(conflicts)} of nearly the same text, different labels")
    counts = np.bincount(labels.values[labels.values >= 0], minlength=len(labels.classes))
    few = [labels.classes[number] for number in np.flatnonzero((counts > 0) & (counts < FEW))]
    if few:
        found.append(small_classes(few))
    return (*found, *alike_classes(labels.classes))


def _same_inputs(schema: Schema, labels: Labels, split: Split) -> list[Rows]:
    """Sets of rows with equal inputs, as the split has them; of groups it knows only the whole."""
    if split.units is None or schema.group is not None:
        return []
    rows = np.flatnonzero(labels.values >= 0).astype(np.int64)
    return groups_of(split.units[rows], rows)


def _several(numbers: npt.NDArray[np.integer]) -> bool:
    """More than one of the numbers that are not negative."""
    return len(np.unique(numbers[numbers >= 0])) > 1


def _groups(number: int) -> str:
    return f"{number:,} group" if number == 1 else f"{number:,} groups"
