"""Answering: what a head is to say where people gave several answers, and what it costs to say otherwise.

The head itself is a `FusedClassifier` over the tokens of a picture and of a question.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from motet.evaluation import vqa_scores


def answer_targets(
    counts: npt.NDArray[np.floating], totals: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Shares [n, C] that a head should give, from how many of a row's `totals` [n] references are which answer.

    Each answer's VQA score, in sum 1: a target that is right about as often as the metric says (Teney et al., "Tips and
    Tricks for Visual Question Answering", arXiv 1708.02711, sec. 3.7, there with sigmoids; here with a softmax, so that
    probabilities can be calibrated and combined as those of every other classifier). Rows without a known answer are
    zeros.
    """
    scores = vqa_scores(counts, totals)
    total = scores.sum(axis=1, keepdims=True)
    return (scores / np.where(total > 0, total, 1)).astype(np.float32)


def answer_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits [B, C] against shares [B, C]; rows of zeros cost nothing."""
    return -(targets * logits.log_softmax(dim=-1)).sum(dim=-1).mean()
