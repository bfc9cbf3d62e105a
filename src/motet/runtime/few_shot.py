"""Few-shot without training: a few labelled examples stand beside the classes' sentences as a cache that is asked.

n rows, K examples, C classes, W width of the space; all vectors are unit.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from motet.errors import UsageError
from motet.runtime.combination import log_softmax

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
ALPHA, SHARPNESS = 1.0, 5.5  # as published
ALPHAS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
SHARPNESSES = (1.0, 3.0, 5.5, 10.0, 20.0)


def cache_logits(
    vectors: Floats,
    class_vectors: Floats,
    examples: Floats,
    labels: Labels,
    *,
    scale: float,
    alpha: float = ALPHA,
    sharpness: float = SHARPNESS,
) -> Floats:
    """Logits [n, C] of rows: of the classes' sentences, and of the examples that a row is like.

    Source: Zhang et al., "Tip-Adapter: Training-free CLIP-Adapter for Better Vision-Language Modeling", arXiv
    2111.03930, eq. 2-4, alpha and sharpness (there beta) as in their code.

    l_c = scale x.w_c + alpha sum over examples k of class c of exp(-sharpness (1 - x.f_k))

    vectors [n, W], class_vectors [C, W], examples [K, W], labels [K]. With alpha 0 or without examples it is zero-shot.

    Raises UsageError for labels that are no class, or that are not one for each example.
    """
    _refuse(class_vectors, examples, labels)
    return _logits(scale * vectors @ class_vectors.T, vectors @ examples.T, labels, alpha, sharpness)


def choose_cache(
    class_vectors: Floats, examples: Floats, labels: Labels, *, scale: float
) -> tuple[float, float]:
    """Alpha and sharpness with the lowest log-loss of the examples, each asked without itself.

    Where a class has one example nothing can be left out of it, so the published values are taken.
    """
    _refuse(class_vectors, examples, labels)
    counts = np.bincount(labels, minlength=len(class_vectors))
    if len(labels) == 0 or (counts == 1).any():
        return ALPHA, SHARPNESS
    sentences, alike = scale * examples @ class_vectors.T, examples @ examples.T
    np.fill_diagonal(alike, -np.inf)  # exp of it is 0
    rows = np.arange(len(labels))

    def loss(choice: tuple[float, float]) -> float:
        return float(-log_softmax(_logits(sentences, alike, labels, *choice))[rows, labels].mean())

    return min(product(ALPHAS, SHARPNESSES), key=loss)


def _logits(sentences: Floats, alike: Floats, labels: Labels, alpha: float, sharpness: float) -> Floats:
    """[n, C] of the logits of sentences [n, C] and of cosines with examples [n, K]."""
    of_class = np.eye(sentences.shape[1], dtype=np.float32)[labels]  # [K, C]
    logits: Floats = sentences + alpha * (np.exp(sharpness * (alike - 1)) @ of_class)
    return logits


def _refuse(class_vectors: Floats, examples: Floats, labels: Labels) -> None:
    if len(examples) != len(labels):
        raise UsageError(f"{len(examples)} examples have {len(labels)} labels: give one for each")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(class_vectors)))
    if len(wrong):
        raise UsageError(
            f"example {wrong[0]}: label {labels[wrong[0]]} is none of {len(class_vectors)} classes"
        )
