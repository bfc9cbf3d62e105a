"""CIDEr-D: n-grams weighed by how rare they are among the references of other pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from motet.evaluation.bleu import ORDERS, ngrams

Words = Sequence[str]
Weights = dict[tuple[str, ...], float]
SIGMA = 6.0


def cider_d(said: Sequence[Words], references: Sequence[Sequence[Words]]) -> npt.NDArray[np.float64]:
    """CIDEr-D [N] of N sentences, each with the references of its picture.

    10 / m sum over m references, mean over n = 1 to 4 of e^(-(l_c - l_r)^2 / (2 sigma^2)) min(g_c, g_r) . g_r /
    (|g_c| |g_r|), where g are counts of n-grams times log(N / df), df the pictures whose references have the n-gram,
    l the words, and sigma 6. An n-gram that every picture's references have counts nothing, so that a single picture
    has 0.

    Source: Vedantam et al., 2015 (arXiv 1411.5726), equation 4; document frequencies of the references as in
    coco-caption, whose lengths are of pairs of words and so differ for sentences without a word.
    """
    frequency: Counter[tuple[str, ...]] = Counter()
    for several in references:
        frequency.update(
            {gram for words in several for n in range(1, ORDERS + 1) for gram in ngrams(words, n)}
        )
    pictures = math.log(max(1, len(references)))

    def weighed(words: Words, n: int) -> tuple[Weights, float]:
        made = {
            gram: count * (pictures - math.log(max(1, frequency[gram])))
            for gram, count in ngrams(words, n).items()
        }
        return made, math.sqrt(sum(weight * weight for weight in made.values()))

    scores = np.zeros(len(said))
    for row, (words, several) in enumerate(zip(said, references, strict=True)):
        for n in range(1, ORDERS + 1):
            mine, length = weighed(words, n)
            if length == 0:
                continue
            for reference in several:
                theirs, other = weighed(reference, n)
                if other > 0:
                    shared = sum(
                        min(weight, theirs[gram]) * theirs[gram]
                        for gram, weight in mine.items()
                        if gram in theirs
                    )
                    apart = math.exp(-((len(words) - len(reference)) ** 2) / (2 * SIGMA**2))
                    scores[row] += apart * shared / (length * other) / len(several)
    return scores * 10 / ORDERS
