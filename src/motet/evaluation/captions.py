"""Captions become numbers: CIDEr-D, BLEU, ROUGE-L with intervals over pictures, and counts of what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data.duplicates import normalised_digests
from motet.evaluation.bleu import ORDERS, bleu, bleu_counts
from motet.evaluation.caption_words import caption_words, is_character
from motet.evaluation.cider import cider_d
from motet.evaluation.rouge import rouge_l

Floats = npt.NDArray[np.float64]
CIDER = 0  # column of scores
LONGEST_LOOP = 6  # words that are said twice in a row


def caption_scores(said: Sequence[str], references: Sequence[Sequence[str]]) -> Floats:
    """CIDEr-D, ROUGE-L and the counts of BLEU [N, 12] of N sentences over own words (`caption_words`)."""
    mine = [caption_words(text) for text in said]
    theirs = [[caption_words(text) for text in several] for several in references]
    counts = np.stack([bleu_counts(words, several) for words, several in zip(mine, theirs, strict=True)])
    cider = cider_d(mine, theirs)
    rouge = np.array([rouge_l(words, several) for words, several in zip(mine, theirs, strict=True)])
    return np.column_stack([cider, rouge, counts])


def caption_metrics(scores: Floats, *, draws: int = 1000, seed: int = 0) -> dict[str, dict[str, float]]:
    """CIDEr-D, BLEU-1 to 4 and ROUGE-L, each {"value", "low", "high"}, of `caption_scores` [N, 12].

    Intervals are the percentile bootstrap over pictures (2.5 % to 97.5 %), document frequencies as they are.
    """
    n = len(scores)
    values = _measured(scores.sum(axis=0)[None], n)[0]
    random = np.random.default_rng(seed)
    drawn = _measured(random.multinomial(n, np.full(n, 1 / n), draws) @ scores, n)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    names = ["cider_d", *(f"bleu_{k}" for k in range(1, ORDERS + 1)), "rouge_l"]
    return {
        name: {"value": float(values[i]), "low": float(low[i]), "high": float(high[i])}
        for i, name in enumerate(names)
    }


def _measured(sums: Floats, n: int) -> Floats:
    """CIDEr-D, BLEU-1 to 4, ROUGE-L [d, 6] from sums [d, 12] over n pictures."""
    return np.column_stack([sums[:, CIDER] / n, bleu(sums[:, 2:]), sums[:, 1] / n])


def caption_faults(said: Sequence[str], trained_on: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """How many captions are empty, loop, or are a training sentence; how many different ones there are.

    trained_on [n, 16] : `normalised_digests` of the training sentences. A copy need not be wrong: short captions
    of things that are often seen are often the same.
    """
    words = [caption_words(text) for text in said]
    known = {digest.tobytes() for digest in trained_on if digest.any()}
    copied = sum(digest.tobytes() in known for digest in normalised_digests(list(said)))
    return {
        "empty": sum(not one for one in words),
        "repeated": sum(map(loops, words)),
        "copied": copied,
        "different": len(set(words)),
        "words": float(np.mean([len(one) for one in words])) if words else 0.0,
    }


def loops(words: Sequence[str]) -> bool:
    """Whether up to six words stand twice in a row; one Chinese character thrice, since two are often a word."""
    for n in range(1, LONGEST_LOOP + 1):
        for begin in range(len(words) - 2 * n + 1):
            unit = words[begin : begin + n]
            if unit != words[begin + n : begin + 2 * n]:
                continue
            if n > 1 and len(set(unit)) > 1:
                return True
            if not is_character(unit[0]) or words[begin + 2 * n : begin + 3 * n] == unit:
                return True
    return False
