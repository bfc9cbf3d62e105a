"""A linear probe that begins as the classes' sentences: few-shot learning that never forgets zero-shot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from motet.training.optimisers import without_compiler
from motet.training.threads import one_thread

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
MAXIMUM_ITERATIONS = 200


def fit_text_probe(
    class_vectors: Floats, examples: Floats, labels: Labels, *, scale: float, deviation: float = 1.0
) -> Floats:
    """Weights V [C, W] of logits x V', fitted to examples and held to the classes' sentences.

    Source: the penalty on the way from a pretrained start of Li et al., "Explicit Inductive Bias for Transfer Learning
    with Convolutional Networks" (L2-SP), arXiv 1802.01483, eq. 2; the start is that of Radford et al., arXiv
    2103.00020, sec. 3.1.4.

    V = argmin sum over examples k of -log softmax(x_k V')_{c_k} + W / (2 (deviation scale)^2) |V - scale w|^2

    w = class_vectors [C, W] and examples x [K, W] are unit vectors, labels c [K]. It is convex: nothing is drawn.
    deviation : how far a class is expected to lie from its sentences, in their length (a normal prior). With a small
        one, or without an example, it is zero-shot.
    """
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
