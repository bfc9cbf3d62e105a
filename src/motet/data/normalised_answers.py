"""An answer in the form in which answers are compared, so that `Two`, `2` and `two.` are one."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_PUNCTUATION = re.compile(r"[;/\[\]\"{}()=+\\_<>@`?!。？！；：、“”‘’（）《》]|-(?!\d)|(?<=\w)-")
_MINUS = "\u2212"
_DIGIT_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_FULL_STOP = re.compile(r"\.(?!\d)")
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
} | {"none": "0"}
_APOSTROPHE = re.compile(r"(?<=\w)’(?=\w)")
_ARTICLES = frozenset({"a", "an", "the"})


@lru_cache(maxsize=1 << 16)
def normalised_answer(text: str) -> str:
    """Lower case, single spaces, without punctuation and articles, `two` as `2`, `1,000` as `1000`.

    The rules are those of the VQA evaluation (Antol et al., "VQA: Visual Question Answering", arXiv 1505.00468; its
    `vqaEval.py`), but that a comma goes only from a number's thousands (theirs makes `15` of `1,5`), that one between
    words stays, so that `red, blue` is one answer, and another than `red blue`, and that a contraction written without
    its apostrophe (`dont`) is not given one. A curly apostrophe is a straight one. What would be left without a letter
    or digit stays as it is, in lower case: an answer may be `?`, or `a`. The sign of a number stays: `-1` is not `1`.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).replace(_MINUS, "-").casefold().split())
    folded = _APOSTROPHE.sub("'", folded)
    bare = _PUNCTUATION.sub(lambda found: _punctuation(folded, found.group()), _DIGIT_COMMA.sub("", folded))
    words = [_NUMBERS.get(word, word) for word in _FULL_STOP.sub("", bare).split()]
    kept = " ".join(word for word in words if word not in _ARTICLES).strip(" ,")
    return kept if any(character.isalnum() for character in kept) else folded


def _punctuation(text: str, mark: str) -> str:
    """Nothing where the mark stands beside a space somewhere, as brackets do; else a space: `yes/no` is two words."""
    return "" if f"{mark} " in text or f" {mark}" in text or text.endswith(mark) else " "
