"""Terms of a text: words, pairs of neighbouring words, and character n-grams.

An unspaced script (Chinese, Japanese, Korean) is read character by character: each is a word, pairs of neighbours are
word pairs, and the character n-grams run through the whole unspaced stretch. Nothing depends on spaces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from motet.data.scripts import UNSPACED

_RUNS = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]")
CHARACTER_LENGTHS = range(2, 6)


def runs_of(text: str) -> list[str]:
    """The text, case-folded, as stretches of letters and digits: a word, or all of an unspaced stretch."""
    return _RUNS.findall(text.casefold())


def word_terms(runs: Sequence[str]) -> list[str]:
    """Words and pairs of neighbouring words; every character of an unspaced stretch is a word."""
    words: list[str] = []
    for run in runs:
        if _UNSPACED_RUN.match(run):
            words.extend(run)
        else:
            words.append(run)
    return words + [f"{left} {right}" for left, right in pairwise(words)]


def character_terms(run: str) -> list[str]:
    """Character n-grams (2 to 5) of one stretch with a space at either end, as scikit-learn's `char_wb`."""
    padded = f" {run} "
    return [padded[i : i + n] for n in CHARACTER_LENGTHS for i in range(len(padded) - n + 1)]
