"""A model directory opened as what its task makes of it."""

from __future__ import annotations

from pathlib import Path

from motet.encoders import FeatureCache
from motet.model import ModelDirectory
from motet.runtime.answer_model import AnswerModel
from motet.runtime.caption_model import CaptionModel
from motet.runtime.match_model import MatchModel
from motet.runtime.model import Model


def load(path: str | Path, *, cache: FeatureCache | None = None) -> Model | MatchModel | CaptionModel:
    """Open a model directory; needs no PyTorch.

    A model that was trained to classify or to tell numbers is a `Model`, one that answers questions an `AnswerModel`,
    one that matches pictures and words a `MatchModel`, one that describes pictures a `CaptionModel`.
    cache : where features are kept between runs; default none.
    """
    task = ModelDirectory(path).manifest.task
    if task == "match":
        return MatchModel(path, cache=cache)
    if task == "caption":
        return CaptionModel(path, cache=cache)
    return AnswerModel(path, cache=cache) if task == "answer" else Model(path, cache=cache)
