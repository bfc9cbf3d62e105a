"""Questions that are longer than what encoders read of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from motet.encoders import Encoder
from motet.encoders.pretrained import PretrainedEncoder


def unread_tokens(encoders: Iterable[Encoder], questions: Sequence[str]) -> list[int | None]:
    """Of each question the most tokens that any encoder of text reads, where all cut it; None where one reads it whole.

    Encoders that count words read every question whole.
    """
    read = [one for one in encoders if one.modality == "text"]
    words = [one.words for one in read if isinstance(one, PretrainedEncoder)]
    if not words or len(words) < len(read):
        return [None] * len(questions)
    most = max(one.max_length for one in words)
    cut = zip(*(one.cut(questions) for one in words), strict=True)
    return [most if all(by_each) else None for by_each in cut]
