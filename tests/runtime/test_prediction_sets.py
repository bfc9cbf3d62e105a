"""Prediction sets: scores by the definition, thresholds by counting, coverage as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.runtime.prediction_sets import LEVELS, fit_thresholds, prediction_sets, set_scores, threshold_at


def drawn(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that are drawn from them: a calibrated model."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (rows, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (random.random((rows, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return p, labels


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(2, 6), st.integers(0, 1000))
def test_scores_are_the_more_probable_and_half_of_itself(rows: int, classes: int, seed: int) -> None:
    p, _ = drawn(rows, classes, seed)
    got = set_scores(p)
    for row in range(rows):
        for k in range(classes):
            more = sum(p[row, j] for j in range(classes) if p[row, j] > p[row, k])
            assert got[row, k] == pytest.approx(more + p[row, k] / 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 120), st.integers(0, 1000))
def test_thresholds_are_counted(rows: int, seed: int) -> None:
    p, labels = drawn(rows, 4, seed)
    scores = sorted(set_scores(p)[i, labels[i]] for i in range(rows))
    for level, threshold in zip(LEVELS, fit_thresholds(p, labels), strict=True):
        rank = math.ceil(round((rows + 1) * level, 6))
        assert threshold == (scores[rank - 1] if rank <= rows else None)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_right_class_as_often_as_asked(coverage: float) -> None:
    """Exact on average over calibration sets: coverage is within 4 standard errors of it, on rows of a model that is
    not calibrated at all. 20 draws of 500 and 2000 rows: variance of one, c (1 - c) (1 / 500 + 1 / 2000)."""
    found = []
    for seed in range(20):
        p, labels = drawn(2500, 5, seed)
        sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
        threshold = threshold_at(fit_thresholds(sharp[:500], labels[:500]), coverage)
        inside = prediction_sets(sharp[500:], threshold)
        assert inside.any(axis=1).all()
        found.append(inside[np.arange(2000), labels[500:]].mean())
    error = math.sqrt(coverage * (1 - coverage) * (1 / 500 + 1 / 2000) / 20)
    assert abs(np.mean(found) - coverage) < 4 * error


def test_too_few_rows_admit_every_class() -> None:
    p, labels = drawn(8, 3, 0)
    thresholds = fit_thresholds(p, labels)
    # ceil(9 * .88) = 8 is the last rank there is; ceil(9 * .9) = 9 is none
    assert threshold_at(thresholds, 0.88) is not None and threshold_at(thresholds, 0.9) is None
    assert prediction_sets(p, None).all()


def test_a_coverage_between_two_levels_is_that_of_the_higher() -> None:
    thresholds = tuple(range(len(LEVELS)))
    assert threshold_at(thresholds, 0.9) == LEVELS.index(0.9)
    assert threshold_at(thresholds, 0.903) == LEVELS.index(0.91)
    assert threshold_at(thresholds, 0.99) == len(LEVELS) - 1
