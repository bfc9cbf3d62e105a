"""Metrics of classification: arrays in, numbers out.

N rows, C classes; labels [N] int, of which -1 and below are never right: each such number is a class of its own that
the model never saw.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
# A probability below this counts as this: one wrong certainty must not be the whole of the mean.
SMALLEST = 1e-6


def log_loss(log_probabilities: Floats, labels: Labels) -> float:
    """Mean of -log p of the label [N, C], [N], in nats; p is at least 1e-6, as for an unseen label."""
    return float(row_log_loss(log_probabilities, labels).mean())


def row_log_loss(log_probabilities: Floats, labels: Labels) -> Floats:
    """-log p of the label of each row [N], in nats."""
    known = labels >= 0
    picked = log_probabilities[np.arange(len(labels)), np.where(known, labels, 0)]
    picked = np.where(known, picked, -np.inf)
    result: Floats = -np.maximum(picked, np.log(SMALLEST))
    return result


def accuracy(predicted: Labels, labels: Labels) -> float:
    """Share of rows whose prediction is the label."""
    return float((predicted == labels).mean())


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """Counts [C, C]: row is the label, column the prediction; rows with an unseen label are left out."""
    known = labels >= 0
    flat = labels[known] * classes + predicted[known]
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(
    predicted: Labels, labels: Labels, classes: int
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Precision, recall, F1 and number of rows of each class [C]; 0 where nothing is there to count.

    A row whose label was never seen in training counts against the precision of the class it was given.
    """
    right = np.bincount(labels[predicted == labels], minlength=classes).astype(np.float64)
    given = np.bincount(predicted, minlength=classes)
    support = np.bincount(labels[labels >= 0], minlength=classes)
    precision = right / np.maximum(given, 1)
    recall = right / np.maximum(support, 1)
    return precision, recall, 2 * right / np.maximum(given + support, 1), support


def macro_f1(predicted: Labels, labels: Labels, classes: int) -> float:
    """Mean F1 over the classes that occur among labels or predictions (scikit-learn's convention).

    A class of the labels that the model never saw (-1 and below) occurs too, with F1 0.
    """
    _, _, f1, support = precision_recall_f1(predicted, labels, classes)
    occurring = (support > 0) | (np.bincount(predicted, minlength=classes) > 0)
    number = int(occurring.sum()) + len(np.unique(labels[labels < 0]))
    return float(f1[occurring].sum() / number) if number else 0.0


def expected_calibration_error(confidence: Floats, right: npt.NDArray[np.bool_], *, bins: int = 15) -> float:
    """Mean over rows of |accuracy - mean confidence| of the row's bin, `bins` of equal width on [0, 1].

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, eq. 3.
    """
    at = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(at, weights=confidence, minlength=bins) - np.bincount(at, weights=right, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))
