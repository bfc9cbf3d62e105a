"""Pooling that would change nothing is refused by the options of each task."""

from __future__ import annotations

from typing import Any

import pytest

from motet.deployment import AnswerOptions, CaptionOptions, MatchOptions, Options
from motet.errors import UsageError


@pytest.mark.parametrize(
    ("options", "said", "why"),
    [
        (CaptionOptions, {"pooling": ("attention",)}, "'attention' is learned in fused heads"),
        (MatchOptions, {"pooling": ("image=attention",)}, "'image=attention' is learned in fused heads"),
        (CaptionOptions, {"pooling": ("text=max",)}, "'text=max': this task encodes image alone"),
        (MatchOptions, {"pooling": ("audio=max",)}, "'audio=max': this task encodes image and text alone"),
        (AnswerOptions, {"pooling": ("max",)}, "'max' is of pretrained encoders"),
        (
            AnswerOptions,
            {"pooling": ("text=max",), "image_encoders": ("./vit",)},
            "'text=max' is of pretrained",
        ),
        (Options, {"pooling": ("image=max",), "image_encoders": ("small",)}, "'image=max' is of pretrained"),
    ],
)
def test_pooling_that_changes_nothing_is_refused(options: Any, said: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        options(**said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options, {"pooling": ("attention", "image=max")}),
        (CaptionOptions, {"pooling": ("mean",)}),
        (MatchOptions, {"pooling": ("image=max", "text=mean")}),
        (AnswerOptions, {"pooling": ("max",), "text_encoders": ("./minilm",)}),
    ],
)
def test_pooling_that_reaches_an_encoder_is_taken(options: Any, said: dict[str, Any]) -> None:
    assert options(**said).pooling == said["pooling"]
