"""Temperature scaling: one number that makes probabilities as sure as they deserve to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.runtime.combination import log_softmax

Floats = npt.NDArray[np.floating]
LOW, HIGH = 0.05, 20.0
NEAR = 1e-7  # of 1 / T, relative


def fit_temperature(
    logits: Floats, labels: npt.NDArray[np.int64], counts: Floats | None = None, *, steps: int = 50
) -> float:
    """T that minimises the smoothed log-loss of softmax(logits [N, C] / T) against labels [N].

    Each label counts 1 - e and every other class its share of e = 1 / (N + 2): N rows that are all answered rightly
    do not show that no row ever will be answered wrongly, and without it T would fall to its floor (Platt, 1999,
    section 2.2). The loss is convex in b = 1 / T (Guo et al., 2017), with slope E[z] under the softmax less E[z] under
    the target, and curvature Var[z]: Newton's steps, kept between the two ends that slopes of either sign leave, find
    it on [1/20, 20]. Labels are class numbers from 0. counts [N] : how much each row counts, 1 on average (default: all
    alike). Returns 1 without rows.
    """
    if len(labels) == 0:
        return 1.0
    n, classes = logits.shape
    counts = np.ones(n) if counts is None else counts
    doubt = 1 / (n + 2)
    z = log_softmax(logits)  # the softmax does not change by it, and the numbers stay of moderate size
    right = z[np.arange(n), labels]
    target = (1 - doubt) * right + doubt * (z.sum(axis=1) - right) / max(classes - 1, 1)
    low, high, b = 1 / HIGH, 1 / LOW, 1.0
    for _ in range(steps):
        p = np.exp(log_softmax(b * z))
        mean = (p * z).sum(axis=1)
        slope = float((counts * (mean - target)).mean())
        low, high = (b, high) if slope < 0 else (low, b)
        curvature = float((counts * ((p * z * z).sum(axis=1) - mean**2)).mean())
        step = b - slope / curvature if curvature > 0 else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - b) <= NEAR * b:
            break
        b = step
    return float(1 / min(max(b, 1 / HIGH), 1 / LOW))
