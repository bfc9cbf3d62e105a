"""Metrics with 95 % bootstrap intervals: rows are drawn again with replacement, seeded."""

from __future__ import annotations

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


def classification_metrics(
    probabilities: Floats, labels: Labels, *, draws: int = 1000, seed: int = 0
) -> dict[str, Metric]:
    """Accuracy, macro-F1, log-loss and expected calibration error of probabilities [N, C] against labels [N].

    Each is {"value", "low", "high"}: the percentile bootstrap over rows (Efron, 1979), 2.5 % to 97.5 %. Above
    10,000 rows fewer draws are made, since intervals are then narrow and their own error is small.
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
    return {
        name: {"value": value, "low": float(low[i]), "high": float(high[i])}
        for i, (name, value) in enumerate(values.items())
    }
