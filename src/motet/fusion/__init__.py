"""Several modalities become one state: one strategy a file, one contract (`contract.Fusion`)."""

from __future__ import annotations

from motet.fusion.contract import FusedState, Fusion, Projection, Source, SourceBatch, Tokens
from motet.fusion.dropout import Dropout, draw_from
from motet.fusion.linear import StandardisedLinear
from motet.fusion.registry import DEFAULT_FUSIONS, FUSIONS, on_tokens, strategy_of

__all__ = [
    "DEFAULT_FUSIONS",
    "FUSIONS",
    "Dropout",
    "FusedState",
    "Fusion",
    "Projection",
    "Source",
    "SourceBatch",
    "StandardisedLinear",
    "Tokens",
    "draw_from",
    "on_tokens",
    "strategy_of",
]
