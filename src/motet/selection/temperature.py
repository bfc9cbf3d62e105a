"""Temperature scaling: one number that makes a pattern's probabilities as sure as they deserve to be."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from motet.runtime.combination import log_softmax

Floats = npt.NDArray[np.floating]
LOW, HIGH = 0.05, 20.0
GOLDEN = (math.sqrt(5) - 1) / 2


def fit_temperature(logits: Floats, labels: npt.NDArray[np.int64], *, steps: int = 40) -> float:
    """T that minimises the smoothed log-loss of softmax(logits [N, C] / T) against labels [N].

    Each label counts 1 - e and every other class its share of e = 1 / (N + 2): N rows that are all answered rightly
    do not show that no row ever will be answered wrongly, and without it T would fall to its floor (Platt, 1999,
    section 2.2). The loss is convex in 1 / T (Guo et al., 2017), so golden-section search over log T on [0.05, 20]
    finds it. Labels are class numbers from 0. Returns 1 without rows.
    """
    if len(labels) == 0:
        return 1.0
    n, classes = logits.shape
    target = np.full((n, classes), 1 / (n + 2) / max(classes - 1, 1))
    target[np.arange(n), labels] = 1 - 1 / (n + 2)

    def loss(log_temperature: float) -> float:
        # Not `evaluation.log_loss`: its least probability makes a plateau of what is surely wrong, and no descent.
        return -float((target * log_softmax(logits / math.exp(log_temperature))).sum(axis=1).mean())

    low, high = math.log(LOW), math.log(HIGH)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(steps):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = loss(right)
    return math.exp((low + high) / 2)
