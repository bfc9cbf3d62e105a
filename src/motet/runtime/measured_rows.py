"""Which rows of a table are measured: those that test, those that have a label, and what is to be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data import Labels, Table, split_sides
from motet.data.casting import text_of
from motet.data.splits import NAMES, TEST
from motet.data.table import gather
from motet.errors import TableError
from motet.model import table_digest

if TYPE_CHECKING:
    from motet.runtime.model import Model

Rows = npt.NDArray[np.int64]


def rows_to_measure(model: Model, table: Table, all_rows: bool) -> tuple[Rows, str, str]:
    """Rows [n], what they are called, and a note on them, which may be empty."""
    column = model.manifest.schema.split
    if column is None or column not in table.columns or all_rows:
        return np.arange(len(table)), "given", _note_of_training_table(model, table)
    way_out = "to measure all rows: --all-rows, in Python all_rows=True"
    try:
        sides = split_sides(table, column)
    except TableError as error:
        raise TableError(f"{table.name}: {error}; {way_out}") from error
    rows = np.flatnonzero(sides == TEST)
    if len(rows) == 0:
        there = ", ".join(f"{int((sides == n).sum())} {name}" for n, name in enumerate(NAMES) if n != TEST)
        raise TableError(
            f"{table.name}: split column {column!r} names no test rows (it has {there}); {way_out}"
        )
    note = f"measured: the {_count(len(rows))} that column {column!r} calls test, of {len(table)} ({way_out})"
    return rows, "test", note


def _note_of_training_table(model: Model, table: Table) -> str:
    """Words where every row of the table that trained the model is about to be measured, else nothing."""
    trained = model.manifest.training.get("table")
    if not isinstance(trained, dict) or trained.get("rows") != len(table):
        return ""
    if trained.get("digest") != table_digest(table):
        return ""
    return (
        f"these {len(table)} rows are the table that trained the model ({trained.get('name')}): the figures are too "
        "good; measure on rows that it never saw"
    )


def labelled_rows(
    table: Table, labels: Labels, rows: Rows, split: str, column: str, notes: list[str]
) -> Rows:
    """The rows that have a label; notes say how many have none, and how many one that the model never saw."""
    values = labels.values[rows]
    unlabelled, unseen = int((values == -1).sum()), int((values == -2).sum())
    if unlabelled == len(rows):
        which = "row" if split == "given" else f"{split} row"
        raise TableError(f"{table.name}: no {which} has a label in column {column!r}: nothing to measure")
    if unlabelled:
        has = "has no label and was" if unlabelled == 1 else "have no label and were"
        notes.append(f"{_count(unlabelled)} {has} left out")
    if unseen:
        mine = set(rows[values == -2].tolist())
        names = sorted({issue.value for issue in labels.issues if issue.row in mine})[:5]
        has, counted = ("has", "a mistake") if unseen == 1 else ("have", "mistakes")
        notes.append(
            f"{_count(unseen)} {has} a label that the model never saw ({', '.join(names)}): counted as {counted}"
        )
    labelled: Rows = rows[values != -1]
    return labelled


def told_apart(truth: Rows, table: Table, column: str, rows: Rows) -> Rows:
    """Truth [n] in which each label that the model never saw has a number of its own: -2, -3, ..."""
    unseen = np.flatnonzero(truth == -2)
    if not len(unseen):
        return truth
    words, _ = text_of(pa.chunked_array([gather(table.column(column), rows[unseen])]), column)
    names = pc.utf8_trim_whitespace(words).combine_chunks().dictionary_encode()
    told = truth.copy()
    told[unseen] = -2 - names.indices.to_numpy().astype(np.int64)
    return told


def _count(rows: int) -> str:
    return f"{rows} row" if rows == 1 else f"{rows} rows"
