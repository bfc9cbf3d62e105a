"""Accuracy of answers to questions that have several reference answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.int64]
ENOUGH = 3  # people who say so make an answer right


def vqa_scores(matches: Floats, references: Numbers) -> Floats:
    """Score [n, ...] of answers that `matches` [n, ...] of a row's `references` [n] agree with: the `official` form.

    The mean, over leaving out each reference once, of min(1, matches among the others / 3) (Antol et al., "VQA: Visual
    Question Answering", arXiv 1505.00468, sec. 3, as its code computes it). With k of n = 10 references that is
    (k min(1, (k - 1) / 3) + (10 - k) min(1, k / 3)) / 10: 0, .3, .6, .9, 1, 1, ... Fewer than four references cannot
    agree three times once one is left out: then all others must, and a single one is matched or not.
    """
    k = np.asarray(matches, np.float64)
    n = np.asarray(references, np.float64).reshape(-1, *([1] * (k.ndim - 1)))
    enough = np.clip(n - 1, 1, ENOUGH)
    without = k * np.clip((k - 1) / enough, 0, 1) + (n - k) * np.clip(k / enough, 0, 1)
    made: Floats = np.where(n > 1, without / np.maximum(n, 1), np.minimum(k, 1))
    return made
