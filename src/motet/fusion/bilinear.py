"""Factorised bilinear pooling: products of sources, two by two."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch
from motet.fusion.dropout import Dropout

TINY = 1e-4  # keeps the slope of the square root finite at zero


class Bilinear(Fusion):
    """Multi-modal factorised bilinear pooling (MFB), of every pair of sources.

    Source: Yu et al., "Multi-modal Factorized Bilinear Pooling", arXiv 1708.01471, eq. 3-4.

    z = SumPool_R(sum_(i<j) u_i * u_j),  u_k = U_k h_k for k = 1..K,  u_0 = 1 learned,
    s = LayerNorm(sign(z) sqrt|z|);   h_k [B, H], u_k [B, H, R], z, s [B, H].

    The learned u_0 gives each source a linear term of its own, so that one source is enough. LayerNorm stands for
    the paper's division by the length of z: the same direction, and a size that a linear layer likes.
    """

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, rank: int = 4
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.rank = rank
        self.factors = nn.ModuleList(nn.Linear(width, width * rank, bias=False) for _ in self.sources)
        self.constant = nn.Parameter(torch.ones(width * rank))
        self.drop = Dropout(dropout / 3)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        factors = [factor(h) for factor, h in zip(self.factors, self.project(features), strict=True)]
        total = self.constant.expand_as(factors[0])  # of the factors before this one [B, H * R]
        products = torch.zeros_like(factors[0])
        for factor in factors:
            products = products + total * factor
            total = total + factor
        pooled = self.drop(products).reshape(-1, self.width, self.rank).sum(dim=2)  # [B, H]
        signed_root = torch.sign(pooled) * (torch.sqrt(pooled.abs() + TINY) - TINY**0.5)
        return FusedState(self.norm(signed_root))
