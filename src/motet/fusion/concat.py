"""Concatenation: the plain baseline of fusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch


class Concat(Fusion):
    """Join the projected sources and mix them with one hidden layer.

    s = GELU(W [h_1; ...; h_K] + b),  h_k [B, H] -> s [B, H].
    A missing source enters as its learned token, so that the mixing layer can tell "absent" from "zero".
    """

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.mix = nn.Linear(len(self.sources) * width, width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        joined = torch.cat(self.project(features), dim=-1)  # [B, K * H]
        return FusedState(nn.functional.gelu(self.mix(nn.functional.gelu(joined))))
