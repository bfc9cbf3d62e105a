"""What is learned: one task a file, head and loss. How an output becomes a prediction is the runtime's."""

from __future__ import annotations

from motet.tasks.classify import (
    ClassifierEnsemble,
    FusedClassifier,
    LinearClassifier,
    classification_loss,
)
from motet.tasks.objective import Objective, objective_of

__all__ = [
    "ClassifierEnsemble",
    "FusedClassifier",
    "LinearClassifier",
    "Objective",
    "classification_loss",
    "objective_of",
]
