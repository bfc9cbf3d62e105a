"""Rows whose class a column says: what zero-shot is calibrated on, and measured by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data import Table, split_sides
from motet.data.casting import text_of
from motet.data.splits import TEST, VALIDATION
from motet.data.table import excerpt

Rows = npt.NDArray[np.int64]
LEAST_KNOWN = 20  # rows that a temperature is fitted to
MOST_KNOWN = 5_000  # one number needs no more


def class_numbers(table: Table, label: str, classes: Sequence[str]) -> Rows:
    """[N] which of the classes each row of a column names, -1 for none; UsageError for a column that is not there."""
    words = class_words(table, label)
    found = pc.fill_null(pc.index_in(words, value_set=pa.array(classes, words.type)), -1)
    return np.asarray(found.to_numpy(), np.int64)


def class_words(table: Table, label: str) -> pa.ChunkedArray:
    """A column as trimmed text; UsageError where it is not there."""
    return pc.utf8_trim_whitespace(text_of(table.column(label), label)[0])


def said_instead(table: Table, label: str, most: int = 5) -> str:
    """Words on what a column says that names none of the classes; nothing where it is empty."""
    said = [excerpt(word) for word in class_words(table, label).unique().to_pylist() if word]
    more = ", ..." if len(said) > most else ""
    return f" (it says {', '.join(map(repr, said[:most]))}{more})" if said else ""


def known_rows(table: Table, truth: Rows, split: str | None) -> tuple[Rows, str]:
    """Rows to calibrate on, of those whose class is known (`truth` [N], -1 where not), and words for which they are.

    split : the column whose test rows are never taken. Its validation rows are, or where they are too few the training
    rows too, which the space may know too well. At most 5,000, evenly spread.
    """
    known, which = truth >= 0, ""
    if split is not None and split in table.columns:
        sides = split_sides(table, split)
        held = known & (sides == VALIDATION)
        if held.sum() >= LEAST_KNOWN:
            known, which = held, " (validation)"
        else:
            known, which = known & (sides != TEST), " (training and validation)"
    rows = np.flatnonzero(known)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_KNOWN)).astype(np.int64))], which
