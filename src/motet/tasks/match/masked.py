"""Masked reconstruction: what is hidden of one side is told from the rest of it and from the other side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from motet.tasks.match.batch import MatchBatch, MatchObjective


class Masked(MatchObjective):
    """Some numbers of each vector are hidden and predicted from the others and from the vector it belongs with.

    Source: masked prediction across modalities as in Chen et al., "UNITER", arXiv 1909.11740, eq. 2 (masked region
    feature regression), here on the vectors of the space.

    L = mean over (n, m) in P of |h (r(x_n (1 - h), y_m) - x_n)|^2 / |h| + the same with x and y exchanged;  h [W] hides
    each number with chance `rate`, r, r' linear [2 W] -> [W].
    """

    def __init__(self, width: int, *, rate: float = 0.3) -> None:
        super().__init__()
        self.rate = rate
        self.pictures = nn.Linear(2 * width, width)
        self.words = nn.Linear(2 * width, width)

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number; what is hidden is drawn from PyTorch's generator."""
        n, m = batch.positives.nonzero(as_tuple=True)
        x, y = batch.images[n], batch.texts[m]
        loss: Tensor = self._reconstructed(x, y, self.pictures) + self._reconstructed(y, x, self.words)
        return loss

    def _reconstructed(self, one: Tensor, other: Tensor, network: nn.Module) -> Tensor:
        hidden = (torch.rand_like(one) < self.rate).to(one.dtype)
        told: Tensor = network(torch.cat([one * (1 - hidden), other], dim=-1))
        errors = (hidden * (told - one)).square().sum(dim=-1) / hidden.sum(dim=-1).clamp(min=1)
        return (
            errors.mean() * one.shape[-1]
        )  # numbers of unit vectors are small: as though each had deviation one
