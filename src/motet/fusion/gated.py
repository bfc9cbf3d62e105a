"""Gated multimodal units: each source's share is decided for each row and each feature."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch


class Gated(Fusion):
    """Gated multimodal unit.

    Source: Arevalo et al., "Gated Multimodal Units for Information Fusion", arXiv 1702.01992, eq. 1-5.

    u_k = tanh(h_k),  z_k = sigmoid(W_k [h_1; ...; h_K]),  s = sum_k z_k * u_k;   h_k, u_k, z_k, s [B, H].
    `weights` [B, K]: mean gate of each source, made to sum to one.
    """

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.gates = nn.Linear(len(self.sources) * width, len(self.sources) * width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        projected = self.project(features)
        joined = torch.stack(projected, dim=1)  # [B, K, H]
        gates = torch.sigmoid(self.gates(joined.flatten(1))).reshape(joined.shape)
        pooled = (gates * torch.tanh(joined)).sum(dim=1)  # [B, H]
        share = gates.mean(dim=2)  # [B, K]
        return FusedState(pooled, weights=share / share.sum(dim=1, keepdim=True))
