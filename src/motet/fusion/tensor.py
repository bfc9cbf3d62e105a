"""Low-rank tensor fusion: every product of the sources that are there, of all orders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch


class TensorFusion(Fusion):
    """Low-rank multimodal fusion (LMF): a tensor of all sources, each with a one, in R factors of rank one.

    Source: Liu et al., "Efficient Low-rank Multimodal Fusion with Modality-Specific Factors", arXiv 1806.00064,
    eq. 5-6; the tensor: Zadeh et al., arXiv 1707.07250.

    s = LayerNorm(sum_r w_r * prod_k (1 + p_k z_kr) + sum_k V_k h_k),  z_kr = tanh(W_kr h_k);
    h_k, s [B, H], p_k [B] 1 where present, z_kr [B, H], w [R, H].

    Multiplied out, the product holds one, each source, each pair, and so on to all of them. A source that is not
    present falls out of every product, and enters by its missing token in the linear terms alone. tanh bounds what
    many factors could make of one large number.
    """

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, rank: int = 4
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.rank = rank
        self.factors = nn.ModuleList(nn.Linear(width, width * rank) for _ in self.sources)
        self.linears = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.sources)
        self.mix = nn.Parameter(torch.randn(rank, width) * rank**-0.5)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        projected = self.project(features)
        factors = []
        for source, factor, h in zip(self.sources, self.factors, projected, strict=True):
            z = torch.tanh(factor(h))
            factors.append(
                1 + torch.where(features[source.name].present.unsqueeze(-1), z, torch.zeros_like(z))
            )
        product = reduce(torch.mul, factors)  # [B, R * H]
        products = (product.reshape(-1, self.rank, self.width) * self.mix).sum(dim=1)  # [B, H]
        linear = torch.stack([one(h) for one, h in zip(self.linears, projected, strict=True)]).sum(dim=0)
        return FusedState(self.norm(products + linear))
