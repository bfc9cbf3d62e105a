"""Whether interaction between modalities is used at all: the model against the additive model that is nearest to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.intervals import paired_difference
from motet.evaluation.metrics import row_log_loss

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
# (rows [n] that one part is taken from, rows [n] that the other is taken from) -> log-probabilities [n, C]
Pairs = Callable[[Rows, Rows], Floats]
AT_ONCE = 2**22  # numbers of the grid of pairs that are held at a time


def additive_projection(pairs: Pairs, rows: int) -> tuple[Floats, Floats]:
    """Log-probabilities [N, C] of the rows as they are, and of their empirical multimodally-additive projection.

    f(a, b) is answered for all N x N pairs of one row's first part with another's second part. The projection,
    mean_b f(a_i, b) + mean_a f(a, b_i) - mean f, is the best fit to f, in squared error over the pairs, among all
    sums of a function of each part. What adds log-probabilities, as a product of experts does, is its own projection:
    the constant that makes them sum to one is the same for each class.

    Source: Hessel and Lee, "Does my multimodal model learn cross-modal interactions?", EMNLP 2020, arXiv 2010.06572,
    section 3.
    """
    everyone = np.arange(rows)
    own, of_first, of_second = [], [], np.zeros(0)
    begin, block = 0, 1
    while begin < rows:
        some = everyone[begin : begin + block]
        grid = pairs(np.repeat(some, rows), np.tile(everyone, len(some))).reshape(len(some), rows, -1)
        own.append(grid[np.arange(len(some)), some])
        of_first.append(grid.mean(axis=1))
        of_second = grid.sum(axis=0) + (of_second if begin else 0)
        begin += len(some)
        block = max(1, AT_ONCE // grid[0].size)
    first = np.concatenate(of_first)
    projected = first + of_second / rows - first.mean(axis=0)
    return np.concatenate(own), projected - np.logaddexp.reduce(projected, axis=1, keepdims=True)


def interaction_gap(pairs: Pairs, labels: Rows, *, seed: int = 0) -> dict[str, Any]:
    """Accuracy and log-loss of the model and of its additive projection on labels [N], and how far they are apart.

    Returns {"model": {"accuracy", "log_loss"}, "additive": the same of the projection, "gap": {"accuracy",
    "log_loss"}}; a gap is {"value", "low", "high"}: what the model has over its projection, above zero where
    interaction helps, with a paired bootstrap interval of 95 % over the rows (the projection held as it is).
    """
    told = {}
    for name, logs in zip(("model", "additive"), additive_projection(pairs, len(labels)), strict=True):
        right = (logs.argmax(axis=1) == labels).astype(np.float64)
        told[name] = {"accuracy": right, "log_loss": row_log_loss(logs, labels)}
    gaps = {
        "accuracy": told["model"]["accuracy"] - told["additive"]["accuracy"],
        "log_loss": told["additive"]["log_loss"] - told["model"]["log_loss"],
    }
    found: dict[str, Any] = {
        name: {metric: float(of_rows.mean()) for metric, of_rows in metrics.items()}
        for name, metrics in told.items()
    }
    found["gap"] = {}
    for metric, gap in gaps.items():
        value, low, high = paired_difference(gap, tail=0.025, seed=seed)
        found["gap"][metric] = {"value": value, "low": low, "high": high}
    return found
