"""Folds: every row in one, each class in its share, what belongs together together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import make_folds


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(2, 5),
    st.integers(0, 99),
)
def test_units_stay_together_and_no_fold_is_left_out(
    drawn: list[tuple[int, int]], count: int, seed: int
) -> None:
    units, classes = (np.array(column) for column in zip(*drawn, strict=True))
    folds = make_folds(units, classes, count=count, seed=seed)
    assert np.array_equal(np.unique(folds), np.arange(folds.max() + 1))
    assert folds.max() + 1 == min(count, len(np.unique(units)))
    for unit in np.unique(units):
        assert len(np.unique(folds[units == unit])) == 1
    assert np.array_equal(folds, make_folds(units, classes, count=count, seed=seed))


def test_each_class_is_dealt_out_evenly() -> None:
    """Rows that are all different: a class of k rows gives each of 3 folds k / 3 of them, rounded up or down."""
    classes = np.repeat(np.arange(4), [30, 31, 5, 2])
    folds = make_folds(np.arange(68), classes, count=3, seed=1)
    for number, size in enumerate((30, 31, 5, 2)):
        counts = np.bincount(folds[classes == number], minlength=3)
        assert counts.min() >= size // 3 and counts.max() <= -(-size // 3)
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 1  # what is left over of the classes goes round
    assert not np.array_equal(folds, make_folds(np.arange(68), classes, count=3, seed=2))


@pytest.mark.parametrize("seed", range(3))
def test_units_of_many_sizes_fill_folds_evenly(seed: int) -> None:
    """Duplicates by the hundred: no fold is larger than a fair share and the largest unit."""
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(300), random.zipf(1.6, 300).clip(1, 400))
    classes = units % 4
    sizes = np.bincount(make_folds(units, classes, count=5, seed=seed))
    assert sizes.max() - sizes.min() <= np.bincount(units).max()


def test_a_group_of_most_rows_is_one_fold_and_the_others_share_the_rest() -> None:
    units = np.concatenate([np.zeros(600, int), np.arange(1, 401)])
    sizes = np.sort(np.bincount(make_folds(units, np.arange(1000) % 2, count=3)))
    assert sizes.tolist() == [200, 200, 600]
