"""ROUGE-L: the longest common subsequence with the references."""

from __future__ import annotations

from collections.abc import Sequence

BETA = 1.2  # as in coco-caption: recall counts a little more than precision


def rouge_l(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """(1 + b^2) P R / (R + b^2 P), with b = 1.2 and the best precision P and recall R over the references.

    Source: Lin, 2004; several references as in Chen et al., 2015 (coco-caption).
    """
    if not said:
        return 0.0
    common = [(longest_common(said, words), len(words)) for words in references if words]
    precision = max((length / len(said) for length, _ in common), default=0.0)
    recall = max((length / words for length, words in common), default=0.0)
    if precision == 0:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, by dynamic programming over one row."""
    best = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, with_it in enumerate(other, 1):
            here = best[place]
            best[place] = before + 1 if word == with_it else max(here, best[place - 1])
            before = here
    return best[-1]
