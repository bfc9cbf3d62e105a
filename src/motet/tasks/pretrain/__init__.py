"""Pairs without labels: what encoders are taught by pictures and words that belong together, or stand alone."""

from __future__ import annotations

from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.registry import DEFAULT_TERMS, TERMS, Pretrainer, make_pretrainer
from motet.tasks.pretrain.shared import Shared

__all__ = [
    "DEFAULT_TERMS",
    "TERMS",
    "Encoded",
    "PretrainBatch",
    "Pretrainer",
    "Shape",
    "Shared",
    "Term",
    "make_pretrainer",
]
