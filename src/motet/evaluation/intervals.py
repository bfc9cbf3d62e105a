"""Metrics with 95 % bootstrap intervals: rows are drawn again with replacement, seeded."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from motet.evaluation.metrics import (
    accuracy,
    expected_calibration_error,
    log_loss,
    macro_f1,
    row_log_loss,
)

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Metric = dict[str, float]
NORMAL_95 = 1.959964  # 97.5 % quantile of the normal distribution


def classification_metrics(
    probabilities: Floats, labels: Labels, *, draws: int = 1000, seed: int = 0
) -> dict[str, Metric]:
    """Accuracy, macro-F1, log-loss and expected calibration error of probabilities [N, C] against labels [N].

    Each is {"value", "low", "high"}: the percentile bootstrap over rows (Efron, 1979), 2.5 % to 97.5 %. For accuracy
    the interval reaches at least as far as Wilson's score interval (Wilson, 1927): the bootstrap of rows that are all
    right, or all wrong, has no width, however few they are. Above 10,000 rows fewer draws are made, since intervals
    are then narrow and their own error is small.
    """
    n, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    right = predicted == labels
    logs = np.log(np.maximum(probabilities, 1e-30))
    losses = row_log_loss(logs, labels)
    values = {
        "accuracy": accuracy(predicted, labels),
        "macro_f1": macro_f1(predicted, labels, classes),
        "log_loss": log_loss(logs, labels),
        "ece": expected_calibration_error(confidence, right),
    }
    draws = max(100, min(draws, draws * 10_000 // max(n, 1)))
    random = np.random.default_rng(seed)
    drawn = np.empty((draws, len(values)))
    for draw in range(draws):
        rows = random.integers(0, n, n)
        drawn[draw] = (
            right[rows].mean(),
            macro_f1(predicted[rows], labels[rows], classes),
            losses[rows].mean(),
            expected_calibration_error(confidence[rows], right[rows]),
        )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    surely = wilson_interval(int(right.sum()), n)
    low[0], high[0] = min(low[0], surely[0]), max(high[0], surely[1])
    return {
        name: {"value": value, "low": float(low[i]), "high": float(high[i])}
        for i, (name, value) in enumerate(values.items())
    }


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share, `right` of n, 1 or more.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    share, spread = right / n, NORMAL_95**2 / n
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    # a share of 0 or 1 is inside, whatever rounding does
    return min(share, (middle - half) / (1 + spread)), max(share, (middle + half) / (1 + spread))


def paired_difference(differences: Floats, *, tail: float, seed: int = 0) -> tuple[float, float, float]:
    """Mean of paired differences [n], and its interval by the percentile bootstrap over rows: `tail` on either side."""
    random = np.random.default_rng(seed)
    n = len(differences)
    means = [differences[random.integers(0, n, n)].mean() for _ in range(1000)]
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(differences.mean()), float(low), float(high)
