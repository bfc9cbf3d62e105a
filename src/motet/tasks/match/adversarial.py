"""Adversarial: a discriminator must not be able to tell pictures from words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from motet.tasks.match.batch import MatchBatch, MatchObjective


class Adversarial(MatchObjective):
    """A small classifier of modalities is trained, and the heads against it, by a reversed gradient.

    Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", arXiv 1409.7495, eq. 4-8; between
    modalities as in Wang et al., "Adversarial Cross-Modal Retrieval", 2017.

    L = 1/2 [mean of -log d(x) + mean of -log(1 - d(y))],  d a network [W] -> (0, 1) that descends on L, while x [N, W]
    and y [M, W] ascend.
    """

    def __init__(self, width: int, *, hidden: int = 64) -> None:
        super().__init__()
        self.discriminator = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        pictures = self.discriminator(_reversed(batch.images))
        words = self.discriminator(_reversed(batch.texts))
        return -(nn.functional.logsigmoid(pictures).mean() + nn.functional.logsigmoid(-words).mean()) / 2


def _reversed(x: Tensor) -> Tensor:
    made: Tensor = _Reversed.apply(x)  # type: ignore[no-untyped-call]
    return made


class _Reversed(torch.autograd.Function):
    """x as it is, whose gradient changes its sign on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return -gradients[0]
