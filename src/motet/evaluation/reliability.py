"""Whether probabilities mean what they say: the points of a reliability diagram."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.metrics import expected_calibration_error

Floats = npt.NDArray[np.floating]
BINS = 15


def reliability(probabilities: Floats, labels: npt.NDArray[np.int64], *, bins: int = BINS) -> dict[str, Any]:
    """Mean confidence and accuracy of the rows in each of `bins` bins of equal width that has any; [N, C], [N].

    Returns {"ece", "expected": the 95th percentile of ECE for answers of these confidences that were right as often as
    they say (200 seeded draws): what is below it is noise, "bins": [{"n", "confidence", "accuracy"}, ...]}.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    at = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(at, minlength=bins)
    sure = np.bincount(at, weights=confidence, minlength=bins)
    hits = np.bincount(at, weights=right, minlength=bins)
    random = np.random.default_rng(0)
    drawn = [
        expected_calibration_error(confidence, random.random(len(right)) < confidence, bins=bins)
        for _ in range(200)
    ]
    return {
        "ece": expected_calibration_error(confidence, right, bins=bins),
        "expected": float(np.quantile(drawn, 0.95)),
        "bins": [
            {
                "n": int(count[i]),
                "confidence": float(sure[i] / count[i]),
                "accuracy": float(hits[i] / count[i]),
            }
            for i in range(bins)
            if count[i]
        ],
    }
