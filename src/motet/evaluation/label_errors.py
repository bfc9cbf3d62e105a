"""Rows whose label looks wrong, by answers of models that never saw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelErrors:
    """Places [n] of suspect rows, the most suspect first, and the class [n] that each seems to be of."""

    rows: Labels
    suggested: Labels


def label_errors(probabilities: Floats, labels: Labels) -> LabelErrors:
    """Find likely label errors from out-of-fold probabilities [N, C] and labels [N]; rows with NaN are left out.

    Confident learning (Northcutt, Jiang and Chuang, 2021, arXiv 1911.00068, section 3.1): the threshold of a class is
    the mean probability that rows of this label give it. A row is suspect where, among the classes that reach their
    threshold, another than its label is the most probable. Ranked by the margin: probability of that class less that of
    the label.
    """
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1) & (labels >= 0))
    p, given = probabilities[known], labels[known]
    classes = probabilities.shape[1]
    count = np.bincount(given, minlength=classes)
    self_confidence = p[np.arange(len(known)), given]
    mean = np.bincount(given, weights=self_confidence, minlength=classes) / np.maximum(count, 1)
    threshold = np.where(count > 0, mean, np.inf)  # a class without rows is suggested to nobody
    confident = np.where(p >= threshold, p, -1.0)
    suggested = confident.argmax(axis=1)
    suspect = np.flatnonzero((confident.max(axis=1) >= 0) & (suggested != given))
    margin = p[suspect, suggested[suspect]] - self_confidence[suspect]
    suspect = suspect[np.argsort(-margin, kind="stable")]
    return LabelErrors(known[suspect], suggested[suspect])
