"""Metrics of regression against scikit-learn and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motet.evaluation import r_squared, regression_metrics


def test_equals_scikit_learn() -> None:
    from sklearn import metrics as reference

    random = np.random.default_rng(0)
    truth = random.normal(5, 2, 300)
    predicted = truth + random.normal(0, 1, 300)
    found = regression_metrics(predicted, truth)
    assert found["mae"]["value"] == pytest.approx(reference.mean_absolute_error(truth, predicted))
    assert found["rmse"]["value"] == pytest.approx(math.sqrt(reference.mean_squared_error(truth, predicted)))
    assert found["r2"]["value"] == pytest.approx(reference.r2_score(truth, predicted))
    for metric in found.values():
        assert metric["low"] < metric["value"] < metric["high"]


def test_intervals_hold_what_is_true_as_often_as_they_say() -> None:
    """Errors are N(0, 1), so that the mean absolute error is sqrt(2 / pi): 95 % of 100 intervals, give or take 5."""
    random = np.random.default_rng(1)
    inside = 0
    for seed in range(100):
        truth = random.normal(size=100)
        mae = regression_metrics(truth + random.normal(size=100), truth, draws=200, seed=seed)["mae"]
        inside += mae["low"] < math.sqrt(2 / math.pi) < mae["high"]
    assert 87 <= inside <= 100


def test_rows_that_all_say_the_same_have_no_r2() -> None:
    assert math.isnan(r_squared(np.array([1.0, 2.0]), np.array([3.0, 3.0])))
    found = regression_metrics(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    assert found["r2"] == {"value": None, "low": None, "high": None}
    assert found["mae"]["value"] == 1.5
    assert regression_metrics(np.array([1.0]), np.array([4.0]))["rmse"]["value"] == 3
