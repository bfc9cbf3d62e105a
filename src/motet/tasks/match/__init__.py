"""One space for pictures and words: the heads that lead into it, and the objectives that shape it, one a file."""

from __future__ import annotations

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size
from motet.tasks.match.cca import canonical_correlation
from motet.tasks.match.registry import OBJECTIVES, TERMS, make_objective
from motet.tasks.match.tower import Tower

__all__ = [
    "OBJECTIVES",
    "TERMS",
    "MatchBatch",
    "MatchObjective",
    "Size",
    "Tower",
    "canonical_correlation",
    "make_objective",
]
