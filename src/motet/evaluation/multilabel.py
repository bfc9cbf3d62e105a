"""Metrics of several labels a row, with 95 % bootstrap intervals: arrays in, numbers out. N rows, L labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.intervals import drawn_metric
from motet.evaluation.metrics import SMALLEST

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
NAMES = ("micro_f1", "macro_f1", "sample_f1", "map", "subset_accuracy", "log_loss")


def row_label_loss(log_yes: Floats, log_no: Floats, truth: Floats, known: int | None = None) -> Floats:
    """Mean over labels of -log p of what is true of each row [N], in nats; logarithms [N, L], p at least 1e-6.

    known : how many of the labels, the first, a model knows (default: all). One of the others costs a row that has it,
    as an unseen class does, and is no label that the sum is divided by.
    """
    picked = np.where(truth > 0, log_yes, log_no)
    whole = -np.maximum(picked, np.log(SMALLEST)).sum(axis=1)
    mean: Floats = whole / (truth.shape[1] if known is None else known)
    return mean


def multilabel_metrics(
    probabilities: Floats,
    given: Bools,
    truth: Floats,
    *,
    known: int | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """F1 over all cells, as the mean over labels and over rows, mean average precision, share of rows that are wholly
    right, and log-loss a label; probabilities [N, L], labels given [N, L], and what is true [N, L], 0 or 1.

    Macro-F1 is over labels that occur or were given; mAP over labels that occur, null where none does; a row without
    labels that was given none has F1 1. known : see `row_label_loss`. Each metric is {"value", "low", "high"}: the
    percentile bootstrap over rows (Efron, 1979), 2.5 % to 97.5 %; fewer draws where there are many cells.
    """
    n, labels = truth.shape
    measure = _Measure(probabilities, given, truth, known)
    draws = max(100, min(draws, draws * 50_000 // max(n * labels, 1)))
    random = np.random.default_rng(seed)
    value = measure(np.ones(n))
    drawn = np.array(
        [measure(np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)) for _ in range(draws)]
    )
    return {name: drawn_metric(float(value[i]), drawn[:, i]) for i, name in enumerate(NAMES)}


def average_precision(probabilities: Floats, truth: Floats) -> Floats:
    """Average precision of each label [L]: the mean, over rows that have it, of the precision among the rows with at
    least their probability; NaN where none has it."""
    return _Measure(probabilities, truth > 0, truth).precisions(np.ones(len(truth)))


def label_table(probabilities: Floats, given: Bools, truth: Floats, names: Sequence[str]) -> dict[str, Any]:
    """Rows, precision, recall, F1 and average precision of each label."""
    right, told, support = (given & (truth > 0)).sum(axis=0), given.sum(axis=0), truth.sum(axis=0)
    average = average_precision(probabilities, truth)
    return {
        name: {
            "support": int(support[i]),
            "precision": float(right[i] / max(told[i], 1)),
            "recall": float(right[i] / max(support[i], 1)),
            "f1": float(2 * right[i] / max(told[i] + support[i], 1)),
            "average_precision": None if np.isnan(average[i]) else float(average[i]),
        }
        for i, name in enumerate(names)
    }


class _Measure:
    """The metrics of rows drawn some number of times each."""

    def __init__(self, probabilities: Floats, given: Bools, truth: Floats, known: int | None = None) -> None:
        true = truth > 0
        self.right, self.given, self.true = (a.astype(np.float64) for a in (given & true, given, true))
        either = self.given.sum(axis=1) + self.true.sum(axis=1)
        self.row_f1 = np.where(either > 0, 2 * self.right.sum(axis=1) / np.maximum(either, 1), 1.0)
        self.whole = (given == true).all(axis=1)
        logs = np.log(np.maximum(probabilities, 1e-30)), np.log(np.maximum(1 - probabilities, 1e-30))
        self.loss = row_label_loss(*logs, truth, known)
        self.order = np.argsort(-probabilities, axis=0, kind="stable")
        ranked = np.take_along_axis(probabilities, self.order, axis=0)
        self.ranked_true = np.take_along_axis(self.true, self.order, axis=0)
        # Rows of equal probability cannot be told apart: all count at the place of the last of them.
        n = len(truth)
        last = np.vstack([ranked[1:] != ranked[:-1], np.ones((1, truth.shape[1]), bool)])
        place = np.where(last, np.arange(n)[:, None], n)
        self.ends = np.minimum.accumulate(place[::-1], axis=0)[::-1]

    def __call__(self, times: Floats) -> Floats:
        """The metrics of NAMES, each row counted so many times [N]."""
        n = times.sum()
        right, given, true = times @ self.right, times @ self.given, times @ self.true
        occurs = given + true > 0
        average = self.precisions(times)
        return np.array(
            [
                2 * right.sum() / max(given.sum() + true.sum(), 1),
                (2 * right[occurs] / (given + true)[occurs]).mean() if occurs.any() else 0.0,
                times @ self.row_f1 / n,
                np.nan if np.isnan(average).all() else np.nanmean(average),
                times @ self.whole / n,
                times @ self.loss / n,
            ]
        )

    def precisions(self, times: Floats) -> Floats:
        """Average precision of each label [L], each row counted so many times [N]."""
        counts = times[self.order]
        hits = counts * self.ranked_true
        precision = np.cumsum(hits, axis=0) / np.maximum(np.cumsum(counts, axis=0), 1e-12)
        whole = hits.sum(axis=0)
        found = (hits * np.take_along_axis(precision, self.ends, axis=0)).sum(axis=0)
        average: Floats = np.where(whole > 0, found / np.maximum(whole, 1e-12), np.nan)
        return average
