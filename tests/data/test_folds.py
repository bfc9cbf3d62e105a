"""Folds: every row in one, each class in its share, what belongs together together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import Column, Schema, make_folds, read_table

Row = tuple[int, int, int]  # words, group, class
SCHEMA = Schema((Column("words", "text", "input", "text"), Column("group", "categorical", "group")))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(2, 5),
    st.integers(0, 99),
)
def test_groups_and_duplicates_stay_together_and_no_fold_is_left_out(
    drawn: list[Row], count: int, seed: int
) -> None:
    words, groups, classes = (np.array(column) for column in zip(*drawn, strict=True))
    table = read_table({"words": [f"said {w}" for w in words], "group": [f"g{g}" for g in groups]})
    rows = np.arange(len(drawn))
    folds = make_folds(table, SCHEMA, rows, classes, count=count, seed=seed)
    assert np.array_equal(np.unique(folds), np.arange(folds.max() + 1))
    assert folds.max() < count
    for column in (words, groups):
        for value in np.unique(column):
            assert len(np.unique(folds[column == value])) == 1
    assert np.array_equal(folds, make_folds(table, SCHEMA, rows, classes, count=count, seed=seed))


def test_each_class_is_dealt_out_evenly() -> None:
    """Rows that are all different: a class of k rows gives each of 3 folds k / 3 of them, rounded up or down."""
    classes = np.repeat(np.arange(4), [30, 31, 5, 2])
    table = read_table({"words": [f"row {i}" for i in range(68)], "group": [f"g{i}" for i in range(68)]})
    folds = make_folds(table, SCHEMA, np.arange(68), classes, count=3, seed=1)
    for number, size in enumerate((30, 31, 5, 2)):
        counts = np.bincount(folds[classes == number], minlength=3)
        assert counts.min() >= size // 3 and counts.max() <= -(-size // 3)
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 1  # what is left over of the classes goes round
    assert not np.array_equal(folds, make_folds(table, SCHEMA, np.arange(68), classes, count=3, seed=2))
