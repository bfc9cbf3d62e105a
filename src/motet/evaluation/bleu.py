"""BLEU of a corpus: shares of n-grams that a reference has too, with a penalty for being short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = Sequence[str]
ORDERS = 4


def ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    """How often each stretch of n words stands in a sentence."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu_counts(said: Words, references: Sequence[Words]) -> Floats:
    """What one sentence adds to BLEU [10]: n-grams that a reference has (clipped), n-grams, each for n = 1 to 4; its
    length; and the length of the reference that is nearest in length, the shorter where two are."""
    matched, total = [], []
    for n in range(1, ORDERS + 1):
        mine = ngrams(said, n)
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= ngrams(reference, n)
        matched.append((mine & most).total())
        total.append(mine.total())
    closest = min((abs(len(words) - len(said)), len(words)) for words in references)[1]
    return np.array([*matched, *total, len(said), closest], np.float64)


def bleu(counts: Floats) -> Floats:
    """BLEU-1 to BLEU-4 [..., 4] from summed counts [..., 10]; 0 where no n-gram is right.

    BLEU-n = exp(min(0, 1 - r / c)) (p_1 ... p_n)^(1 / n), without smoothing. Source: Papineni et al., 2002.
    """
    matched, total = counts[..., :ORDERS], counts[..., ORDERS : 2 * ORDERS]
    said, closest = counts[..., -2], counts[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(total > 0, matched / np.maximum(total, 1), 0)).cumsum(axis=-1)
        short = np.minimum(0, 1 - closest / said)
    made: Floats = np.exp(logs / np.arange(1, ORDERS + 1) + np.nan_to_num(short, neginf=-np.inf)[..., None])
    return made
