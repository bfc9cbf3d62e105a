"""The label column becomes sets of labels: any number of them a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data.casting import text_of
from motet.data.classes import SEPARATOR, Labels, label_column
from motet.data.schema import Schema
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt
from motet.errors import TableError

LEAST_ROWS = 10  # of a stratum: rarer labels share one


def label_sets(table: Table, schema: Schema) -> Labels:
    """Read the label column as sets; TableError where no label tells one row from another.

    A cell is a list, or text: a JSON list, or names separated by |, ; or ；. An empty list says that the row has none
    of the labels; an empty cell, or text without a name, that nothing is known of it.
    """
    sets, issues = _sets(table, schema)
    names = sorted({name for one in sets if one is not None for name in one})
    if not names:
        raise TableError(f"label column {schema.label!r} names no label in any of {len(table)} rows")
    made = _made(sets, names, issues)
    known = made.truth[made.values >= 0]
    if (known == known[0]).all():
        raise TableError(
            f"label column {schema.label!r} is constant: every row that is known has the labels "
            f"{excerpt(', '.join(n for n, has in zip(names, known[0], strict=True) if has))!r}"
        )
    return made


def encode_label_sets(table: Table, schema: Schema, classes: Sequence[str]) -> Labels:
    """Read the label column by given labels; others that it names follow them in `classes`, sorted."""
    sets, issues = _sets(table, schema)
    others = {name for one in sets if one is not None for name in one}.difference(classes)
    return _made(sets, [*classes, *sorted(others)], issues)


def _made(sets: list[tuple[str, ...] | None], names: Sequence[str], issues: list[CellIssue]) -> Labels:
    place = {name: number for number, name in enumerate(names)}
    wanted = np.zeros((len(sets), len(names)), np.float32)
    known = np.array([one is not None for one in sets], bool)
    for row, one in enumerate(sets):
        wanted[row, [place[name] for name in one or ()]] = 1
    return Labels(_strata(wanted, known), tuple(names), "string", tuple(issues), "labels", wanted)


def _strata(wanted: npt.NDArray[np.floating], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The rarest label of each known row [N]; rows without one, and those that few rows share it with, are together."""
    count = wanted[known].sum(axis=0)
    rarity = np.where(wanted > 0, count, np.inf)
    rarest = np.where(wanted.any(axis=1), rarity.argmin(axis=1), wanted.shape[1])
    few = np.bincount(rarest[known], minlength=wanted.shape[1] + 1) < LEAST_ROWS
    _, strata = np.unique(np.where(few[rarest], wanted.shape[1], rarest), return_inverse=True)
    return np.where(known, strata, -1).astype(np.int64)


def _sets(table: Table, schema: Schema) -> tuple[list[tuple[str, ...] | None], list[CellIssue]]:
    """The labels of each row, None where they are not known, and cells that could not be read."""
    name = label_column(table, schema)
    issues: list[CellIssue] = []
    column = table.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        column, issues = text_of(column, name)
    made: list[tuple[str, ...] | None] = []
    for row, cell in enumerate(column.to_pylist()):
        try:
            made.append(_names(cell))
        except ValueError:
            made.append(None)
            if len(issues) < MAX_LISTED:
                issues.append(CellIssue(row, name, "a list of labels holds something else", excerpt(cell)))
    return made, issues


def _names(cell: Any) -> tuple[str, ...] | None:
    """The labels of one cell; None where it is empty. ValueError where it is a list of something else."""
    if cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if not (text.startswith("[") and text.endswith("]")):
            return tuple(filter(None, (part.strip() for part in SEPARATOR.split(text)))) or None
        cell = json.loads(text)
    if not all(one is None or isinstance(one, str | int | float) for one in cell):
        raise ValueError("a list of something else")
    return tuple(filter(None, (_text(one) for one in cell if one is not None)))


def _text(value: str | int | float) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()
