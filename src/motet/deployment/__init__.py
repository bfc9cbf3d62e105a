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

__all__ = [
    "AnswerOptions",
    "CaptionOptions",
    "MatchOptions",
    "Options",
    "build_answer_model",
    "build_caption_model",
    "build_match_model",
    "build_model",
    "export_head",
]
