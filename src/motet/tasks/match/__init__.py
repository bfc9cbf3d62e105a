"""One space for pictures and words: the heads that lead into it, and the objectives that shape it, one a file."""

from __future__ import annotations

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size
from motet.tasks.match.cca import canonical_correlation
from motet.tasks.match.local import Local, late_interaction
from motet.tasks.match.parts import Parts
from motet.tasks.match.registry import LOCAL, OBJECTIVES, TERMS, check_objective, make_objective
from motet.tasks.match.tower import Tower

__all__ = [
    "LOCAL",
    "OBJECTIVES",
    "TERMS",
    "Local",
    "MatchBatch",
    "MatchObjective",
    "Parts",
    "Size",
    "Tower",
    "canonical_correlation",
    "check_objective",
    "late_interaction",
    "make_objective",
]
