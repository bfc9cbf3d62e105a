"""A linear probe that begins as the classes' sentences, and goes as far from them as a few examples bear out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from motet.runtime.combination import log_softmax
from motet.training.optimisers import without_compiler
from motet.training.threads import one_thread

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
MAXIMUM_ITERATIONS = 200
DEVIATIONS = (
    0.5,
    2.0,
    8.0,
    32.0,
    128.0,
    512.0,
)  # to the last where sentences say so little that the scale is small
FOLDS = 5


def fit_text_probe(
    class_vectors: Floats, examples: Floats, labels: Labels, *, scale: float, deviation: float | None = None
) -> Floats:
    """Weights V [C, W] of logits x V', fitted to examples and held to the classes' sentences.

    Source: the penalty on the way from a pretrained start of Li et al., "Explicit Inductive Bias for Transfer Learning
    with Convolutional Networks" (L2-SP), arXiv 1802.01483, eq. 2; the start is that of Radford et al., arXiv
    2103.00020, sec. 3.1.4.

    V = argmin sum over examples k of -log softmax(x_k V')_{c_k} + W / (2 (deviation scale)^2) |V - scale w|^2

    w = class_vectors [C, W] and examples x [K, W] are unit vectors, labels c [K]. It is convex: nothing is drawn.
    deviation : how far a class is expected to lie from its sentences, in their length (a normal prior). With a small
        one, or without an example, it is zero-shot. None: `choose_deviation` of the examples.
    """
    if deviation is None:
        deviation = choose_deviation(class_vectors, examples, labels, scale=scale)
    start = torch.from_numpy(scale * class_vectors.astype(np.float64))
    x, wanted = torch.from_numpy(examples.astype(np.float64)), torch.from_numpy(labels)
    penalty = start.shape[1] / (deviation * scale) ** 2
    weights = start.clone().requires_grad_()
    optimiser = without_compiler(torch.optim.LBFGS)(
        [weights],
        max_iter=MAXIMUM_ITERATIONS,
        tolerance_grad=1e-7,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ weights.T, wanted, reduction="sum")
        loss = loss + penalty / 2 * (weights - start).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with one_thread():
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().numpy().astype(np.float32)


def choose_deviation(class_vectors: Floats, examples: Floats, labels: Labels, *, scale: float) -> float:
    """The deviation with the lowest log-loss of examples that the probe did not see, by folds that part each class.

    Parameters are those of `fit_text_probe`. A class with one example is left with its sentences where that is held:
    it counts all the same, since such a class shows what moving away from sentences costs. The smallest, where there
    are fewer than two examples.
    """
    fold = _ranks(labels) % FOLDS
    held = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    if len(held) < 2:
        held = [np.array([row]) for row in range(len(labels))]
    if len(held) < 2:
        return DEVIATIONS[0]

    def loss(deviation: float) -> float:
        total = 0.0
        for rows in held:
            given = np.delete(examples, rows, axis=0), np.delete(labels, rows)
            weights = fit_text_probe(class_vectors, *given, scale=scale, deviation=deviation)
            total -= float(log_softmax(examples[rows] @ weights.T)[np.arange(len(rows)), labels[rows]].sum())
        return total

    return min(DEVIATIONS, key=loss)


def _ranks(labels: Labels) -> Labels:
    """[K] of each example: how many of its class stand before it."""
    order = np.argsort(labels, kind="stable")
    begins = np.searchsorted(labels[order], labels[order])
    ranks = np.empty_like(labels)
    ranks[order] = np.arange(len(labels)) - begins
    return ranks
