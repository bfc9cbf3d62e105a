"""Metrics with 95 % bootstrap intervals: rows are drawn again with replacement, seeded."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
DRAWN_AT_ONCE = 2**19  # numbers
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
    drawn = np.concatenate(
        [
            np.stack(
                [
                    right[rows].mean(axis=1),
                    _macro_f1_of_each(predicted[rows], labels[rows], classes),
                    losses[rows].mean(axis=1),
                    _calibration_error_of_each(confidence[rows], right[rows]),
                ],
                axis=1,
            )
            for rows in _draws(n, draws, seed)
        ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    surely = wilson_interval(int(right.sum()), n)
    low[0], high[0] = min(low[0], surely[0]), max(high[0], surely[1])
    return {
        name: {"value": value, "low": float(low[i]), "high": float(high[i])}
        for i, (name, value) in enumerate(values.items())
    }


def drawn_metric(value: float, drawn: Floats) -> dict[str, float | None]:
    """{"value", "low", "high"} from bootstrap draws [d] of a metric; all null where it, or every draw, has no value."""
    known = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or not len(known):
        return {"value": None, "low": None, "high": None}
    low, high = np.percentile(known, [2.5, 97.5])
    return {"value": value, "low": float(low), "high": float(high)}


def bootstrap_mean(values: Floats, *, seed: int, draws: int = 1000) -> dict[str, float]:
    """{"value", "low", "high"} of the mean of values [n] from 0 to 1.

    As for accuracy, the interval reaches at least as far as Wilson's of as many right rows.
    """
    draws = max(100, min(draws, draws * 10_000 // max(len(values), 1)))
    means = np.concatenate([values[rows].mean(axis=1) for rows in _draws(len(values), draws, seed)])
    low, high = np.percentile(means, [2.5, 97.5])
    surely = wilson_interval(round(float(values.sum())), len(values))
    value = float(values.mean())
    return {"value": value, "low": min(float(low), surely[0]), "high": max(float(high), surely[1])}


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share, `right` of n, 1 or more.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    share, spread = right / n, NORMAL_95**2 / n
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    # a share of 0 or 1 is inside and nothing lies beyond, whatever rounding does
    return min(share, max(0.0, (middle - half) / (1 + spread))), max(
        share, min(1.0, (middle + half) / (1 + spread))
    )


def paired_difference(differences: Floats, *, tail: float, seed: int = 0) -> tuple[float, float, float]:
    """Mean of paired differences [n], and its interval by the percentile bootstrap over rows: `tail` on either side."""
    means = np.concatenate([differences[rows].mean(axis=1) for rows in _draws(len(differences), 1000, seed)])
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(differences.mean()), float(low), float(high)


def _draws(n: int, draws: int, seed: int) -> Iterator[Labels]:
    """Rows drawn with replacement [d, n], `draws` times in all, as many at once as fit in a few megabytes."""
    random = np.random.default_rng(seed)
    at_once = max(1, DRAWN_AT_ONCE // max(n, 1))
    for begin in range(0, draws, at_once):
        yield random.integers(0, n, (min(at_once, draws - begin), n))


def _macro_f1_of_each(predicted: Labels, labels: Labels, classes: int) -> Floats:
    """`macro_f1` of each row of predictions and labels [d, n]."""
    unseen = np.unique(labels[labels < 0])
    width = classes + len(unseen)  # each label that the model never saw is a class that is never predicted
    known = np.where(labels >= 0, labels, classes + np.searchsorted(unseen, labels))
    right = _counts(np.where(predicted == labels, known, width), width + 1)[:, :width]
    total = _counts(predicted, width) + _counts(known, width)  # given, and asked for
    f1: Floats = 2 * right / np.maximum(total, 1)
    return np.asarray(f1.sum(axis=1) / (total > 0).sum(axis=1))


def _calibration_error_of_each(confidence: Floats, right: npt.NDArray[np.bool_], *, bins: int = 15) -> Floats:
    """`expected_calibration_error` of each row of confidences [d, n]."""
    at = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = _counts(at, bins, confidence - right)
    return np.asarray(np.abs(gaps).sum(axis=1) / confidence.shape[1])


def _counts(values: Labels, width: int, weights: Floats | None = None) -> Floats:
    """How often each number below `width` stands in each row of values [d, n], or its weights' sum: [d, width]."""
    flat = (values + width * np.arange(len(values))[:, None]).ravel()
    counted = np.bincount(flat, None if weights is None else weights.ravel(), width * len(values))
    return counted.reshape(len(values), width).astype(np.float64)
