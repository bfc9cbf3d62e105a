"""Several modalities become one state: one strategy a file, one contract (`contract.Fusion`)."""

from __future__ import annotations

from motet.fusion.contract import FusedState, Fusion, Projection, Source, SourceBatch
from motet.fusion.linear import StandardisedLinear
from motet.fusion.registry import FUSIONS

__all__ = [
    "FUSIONS",
    "FusedState",
    "Fusion",
    "Projection",
    "Source",
    "SourceBatch",
    "StandardisedLinear",
]
