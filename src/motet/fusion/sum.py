"""Sum: sources meet by addition alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch


class Sum(Fusion):
    """Add the projected sources, then one hidden layer, the same for all of them.

    s = GELU(W GELU(u) + b),  u = LayerNorm(sum_k h_k);  h_k, u, s [B, H].
    Its size grows with the number of sources only by their projections. Without what follows the sum, no strategy
    could be additive and yet learn what needs two sources at once.
    """

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        total = torch.stack(self.project(features)).sum(dim=0)  # [B, H]
        return FusedState(nn.functional.gelu(self.mix(nn.functional.gelu(self.norm(total)))))
