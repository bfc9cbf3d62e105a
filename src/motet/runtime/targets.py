"""The target of a model, from what its manifest says."""

from __future__ import annotations

from collections.abc import Sequence

from motet.model import TargetEntry
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import ClassTarget, Target


def target_of(entry: TargetEntry, classes: Sequence[str]) -> Target:
    """The target that an entry names, over these classes."""
    if entry.kind == "number":
        return NumberTarget(entry.mean, entry.scale)
    if entry.kind == "labels":
        return LabelsTarget(tuple(classes))
    return ClassTarget(tuple(classes))
