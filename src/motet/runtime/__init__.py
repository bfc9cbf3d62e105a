"""Features become predictions: dispatch by pattern, combination, temperature. No PyTorch here."""

from __future__ import annotations

from motet.runtime.combination import COMBINERS, combine, log_softmax
from motet.runtime.evaluate import evaluate
from motet.runtime.model import EncodedRows, Model, load
from motet.runtime.prediction import Prediction

__all__ = [
    "COMBINERS",
    "EncodedRows",
    "Model",
    "Prediction",
    "combine",
    "evaluate",
    "load",
    "log_softmax",
]
