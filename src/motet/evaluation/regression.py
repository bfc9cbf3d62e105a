"""Metrics of regression with 95 % bootstrap intervals: arrays in, numbers out. N rows, in the unit of the label."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from motet.evaluation.intervals import drawn_metric

Floats = npt.NDArray[np.floating]
Metric = dict[str, float | None]


def r_squared(predicted: Floats, truth: Floats) -> float:
    """1 - sum (y - f)^2 / sum (y - mean y)^2 of predictions f [N] of y [N]; NaN where all y are equal."""
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - predicted) ** 2).sum()) / spread if spread > 0 else math.nan


def regression_metrics(
    predicted: Floats, truth: Floats, *, draws: int = 1000, seed: int = 0
) -> dict[str, Metric]:
    """Mean absolute error, root of the mean squared error, and R2 of predictions [N] of numbers [N].

    Each is {"value", "low", "high"}: the percentile bootstrap over rows (Efron, 1979), 2.5 % to 97.5 %; null
    where it is not defined (R2 of rows that all say the same). Above 10,000 rows fewer draws are made.
    """
    n = len(truth)
    draws = max(100, min(draws, draws * 10_000 // max(n, 1)))
    random = np.random.default_rng(seed)
    drawn = np.array(
        [_three(predicted[rows], truth[rows]) for rows in (random.integers(0, n, n) for _ in range(draws))]
    )
    return {
        name: drawn_metric(value, drawn[:, i])
        for i, (name, value) in enumerate(zip(("mae", "rmse", "r2"), _three(predicted, truth), strict=True))
    }


def _three(predicted: Floats, truth: Floats) -> tuple[float, float, float]:
    errors = predicted - truth
    return float(np.abs(errors).mean()), math.sqrt(float((errors**2).mean())), r_squared(predicted, truth)
