"""Evaluation of a model for every pattern: on all rows that have its modalities, the others hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from motet.data import all_patterns, pattern_name
from motet.evaluation.intervals import classification_metrics
from motet.evaluation.metrics import confusion_matrix, precision_recall_f1

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# {modality: present [N]} -> probabilities [N, C], or numbers [N, 1]
Classifier = Callable[[Mapping[str, Bools]], Floats]


class Measure(Protocol):
    """Answers [N, C] and what is true of N rows -> metrics by name."""

    def __call__(self, answers: Floats, truth: npt.NDArray[Any], /, *, seed: int) -> Mapping[str, Any]:
        """Return {name: {"value", "low", "high"}}."""


def evaluate_patterns(
    classifier: Classifier,
    present: Mapping[str, Bools],
    labels: npt.NDArray[Any],
    *,
    seed: int = 0,
    measure: Measure = classification_metrics,
) -> tuple[dict[str, Any], Floats]:
    """Metrics overall and for each pattern, and the answers [N, C] of each row with what it has.

    A pattern that no row can show is left out.
    """
    whole = classifier(present)
    result: dict[str, Any] = {
        "overall": {"n": len(labels), "metrics": measure(whole, labels, seed=seed)},
        "patterns": {},
    }
    for pattern in all_patterns(present):
        shown = set(pattern.split("+")) - {"none"}
        rows = np.ones(len(labels), bool)
        for modality in shown:
            rows &= present[modality]
        if not rows.any():
            continue
        masked = {m: have & rows if m in shown else np.zeros_like(have) for m, have in present.items()}
        metrics = measure(classifier(masked)[rows], labels[rows], seed=seed)
        result["patterns"][pattern] = {"n": int(rows.sum()), "metrics": metrics}
    return result, whole


def class_table(probabilities: Floats, labels: Labels, classes: Sequence[str]) -> dict[str, Any]:
    """Precision, recall, F1 and support of each class, and the confusion matrix."""
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_f1(predicted, labels, len(classes))
    per_class = {
        name: {
            "support": int(support[i]),
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
        }
        for i, name in enumerate(classes)
    }
    matrix = confusion_matrix(predicted, labels, len(classes)).tolist()
    return {"per_class": per_class, "confusion": {"labels": list(classes), "matrix": matrix}}


def row_patterns(present: Mapping[str, Bools]) -> list[str]:
    """The pattern of each row."""
    names = list(present)
    if not names:
        return []
    code = np.stack([present[name] for name in names], axis=1) @ (1 << np.arange(len(names)))
    of = {int(c): pattern_name(n for i, n in enumerate(names) if c >> i & 1) for c in np.unique(code)}
    return [of[int(c)] for c in code]
