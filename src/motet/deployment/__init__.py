"""A trained module becomes what the runtime runs: heads as ONNX, and the whole as a model directory."""

from __future__ import annotations

from motet.deployment.answer import build_answer_model
from motet.deployment.answer_options import AnswerOptions
from motet.deployment.build import build_model
from motet.deployment.caption import build_caption_model
from motet.deployment.caption_options import CaptionOptions
from motet.deployment.heads import export_head
from motet.deployment.match import build_match_model
from motet.deployment.match_options import MatchOptions
from motet.deployment.options import Options
from motet.deployment.pretrain import build_encoders
from motet.deployment.pretrain_options import PretrainOptions

__all__ = [
    "AnswerOptions",
    "CaptionOptions",
    "MatchOptions",
    "Options",
    "PretrainOptions",
    "build_answer_model",
    "build_caption_model",
    "build_encoders",
    "build_match_model",
    "build_model",
    "export_head",
]
