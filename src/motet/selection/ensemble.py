"""Shares of several heads in one answer, learned from rows that none of them was fitted on.

K heads, n rows, C classes; logs [K, n, C] are logarithms of probabilities, labels [n]; counts [n] say how much each
row counts, 1 on average.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from motet.evaluation import row_log_loss
from motet.evaluation.metrics import SMALLEST
from motet.runtime.combination import log_softmax

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
STEPS = 12
LEAST_GAIN = 1e-4
PULL = 2e-3


def greedy_mean(logs: Floats, labels: Labels, counts: Floats) -> Floats:
    """Shares [K], which sum to one, of a mean of probabilities with a low log-loss.

    Greedy ensemble selection with replacement (Caruana et al., "Ensemble Selection from Libraries of Models", 2004):
    begin with the best head, add the one that helps most, as long as one helps.
    """
    of_label = np.exp(
        logs[:, np.arange(len(labels)), labels]
    )  # [K, n]: all that the log-loss of a mean needs
    return greedy_shares(of_label, lambda mean: float(-(counts * np.log(np.maximum(mean, SMALLEST))).mean()))


def greedy_product(logs: Floats, labels: Labels, counts: Floats) -> Floats:
    """Shares [K], which sum to one, of a geometric mean of probabilities with a low log-loss; as `greedy_mean`."""
    return greedy_shares(logs, lambda mean: float((counts * row_log_loss(log_softmax(mean), labels)).mean()))


def stacked_weights(logs: Floats, labels: Labels, counts: Floats, *, steps: int = 50) -> Floats:
    """Weights [K], 0 or more, that minimise the log-loss of softmax(sum_k w_k log p_k): late fusion that is stacked.

    Convex; Newton's steps with halving, weights below 0 put to 0. A product of experts has all weights 1: towards it
    they are pulled a little, so that what rows do not tell stays there.
    """
    count, n = logs.shape[:2]
    picked = logs[:, np.arange(n), labels]  # [K, n]
    weights = np.ones(count)

    def loss(w: Floats) -> float:
        each = row_log_loss(log_softmax(np.tensordot(w, logs, 1)), labels)
        return float((counts * each).mean()) + PULL / 2 * float(((w - 1) ** 2).sum())

    best = loss(weights)
    for _ in range(steps):
        p = np.exp(log_softmax(np.tensordot(weights, logs, 1)))  # [n, C]
        mean = np.einsum("nc,knc->kn", p, logs)
        gradient = (counts * (mean - picked)).mean(axis=1) + PULL * (weights - 1)
        centred = logs - mean[:, :, None]
        curvature = np.einsum("nc,knc,jnc->kj", counts[:, None] * p, centred, centred) / n + PULL * np.eye(
            count
        )
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while size > 1e-3:
            moved = np.maximum(weights - size * step, 0)
            value = loss(moved)
            if value < best - 1e-9:
                break
            size /= 2
        else:
            break
        weights, best = moved, value
    return weights if weights.any() else np.ones(count)


def greedy_shares(parts: Floats, loss: Callable[[Floats], float]) -> Floats:
    """Shares [K], which sum to one, of a mean of `parts` [K, ...] with a low loss: greedy, with replacement."""
    counts, together, lowest = np.zeros(len(parts)), np.zeros(parts.shape[1:]), np.inf
    for step in range(STEPS):
        losses = [loss((together + part) / (step + 1)) for part in parts]
        best = int(np.argmin(losses))
        if losses[best] > lowest - LEAST_GAIN:
            break
        counts[best] += 1
        together, lowest = together + parts[best], losses[best]
    shares: Floats = counts / counts.sum()
    return shares
