"""What abstaining buys: the share of wrong answers among those that are kept, the surest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
POINTS = 40
POINTS_OF_A_CLASS = 20


def risk_coverage(confidence: Floats, right: Bools, *, points: int = POINTS) -> dict[str, Any]:
    """The risk-coverage curve of answers with a confidence [N], of which some are right [N]; N is 1 or more.

    Risk at coverage k / N is the share of wrong answers among the k surest; AURC is its mean over k. Answers of one
    confidence are taken in no order: their errors are spread evenly over them.

    Returns {"n", "error": risk of all, "aurc", "points": [{"coverage", "risk", "confidence": the least that is kept},
    ...]}, at most `points` of them, evenly spaced. Source: El-Yaniv and Wiener, "On the Foundations of Noise-free
    Selective Classification", 2010; AURC: Geifman, Uziel and El-Yaniv, 2019, arXiv 1805.08206.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = confidence[order], (~right[order]).astype(np.float64)
    _, tied, count = np.unique(-sure, return_inverse=True, return_counts=True)
    spread = (np.bincount(tied, weights=wrong) / count)[tied]
    kept = np.arange(1, len(sure) + 1)
    risk = np.cumsum(spread) / kept
    at = np.unique(np.ceil(np.arange(1, points + 1) * len(sure) / points).astype(np.int64)) - 1
    return {
        "n": len(sure),
        "error": float(wrong.mean()),
        "aurc": float(risk.mean()),
        "points": [
            {"coverage": float(kept[i] / len(sure)), "risk": float(risk[i]), "confidence": float(sure[i])}
            for i in at
        ],
    }


def risk_coverage_by_class(
    probabilities: Floats, labels: npt.NDArray[np.int64], classes: Sequence[str]
) -> dict[str, Any]:
    """The curve of all answers [N, C], and that of each class among the rows that were answered with it.

    By the predicted class, since the true one is not known when a threshold is to be set. Returns {"overall": curve,
    "classes": {class: curve}}, without classes that no row was answered with.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    of_class = {}
    for number, name in enumerate(classes):
        mine = predicted == number
        if mine.any():
            of_class[name] = risk_coverage(confidence[mine], right[mine], points=POINTS_OF_A_CLASS)
    return {"overall": risk_coverage(confidence, right), "classes": of_class}
