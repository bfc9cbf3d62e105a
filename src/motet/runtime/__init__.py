"""Features become predictions: dispatch by pattern, combination, temperature. No PyTorch here."""

from __future__ import annotations

from motet.runtime.answer_model import AnswerModel
from motet.runtime.caption_model import Caption, CaptionModel
from motet.runtime.combination import COMBINERS, combine, log_softmax
from motet.runtime.evaluate import evaluate
from motet.runtime.evaluate_answers import evaluate_answers
from motet.runtime.evaluate_captions import evaluate_captions
from motet.runtime.evaluate_matches import evaluate_matches
from motet.runtime.loading import load
from motet.runtime.match_model import MatchModel
from motet.runtime.model import EncodedRows, Model
from motet.runtime.prediction import Prediction
from motet.runtime.zero_shot import ZeroShot

__all__ = [
    "COMBINERS",
    "AnswerModel",
    "Caption",
    "CaptionModel",
    "EncodedRows",
    "MatchModel",
    "Model",
    "Prediction",
    "ZeroShot",
    "combine",
    "evaluate",
    "evaluate_answers",
    "evaluate_captions",
    "evaluate_matches",
    "load",
    "log_softmax",
]
