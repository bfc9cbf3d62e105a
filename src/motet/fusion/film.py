"""FiLM: every source is scaled and shifted, feature by feature, by what the others say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens
from motet.fusion.layers import masked_mean


class Film(Fusion):
    """Feature-wise linear modulation of each source, given the others.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv 1709.07871, eq. 1-2.

    c_k = GELU(sum_(j /= k) C_j mean_t h_jt),  (g_k, b_k) = W_k c_k,
    u_kt = GELU((1 + g_k) * h_kt + b_k),  s = LayerNorm(sum_k V_k mean_t u_kt);
    h_k, u_k [B, T_k, H], c_k, g_k, b_k, s [B, H].
    The means are over the positions that are shown; a source without tokens has one.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.conditions = nn.ModuleList(nn.Linear(width, width) for _ in self.sources)
        self.modulations = nn.ModuleList(nn.Linear(width, 2 * width) for _ in self.sources)
        self.outputs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.sources)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        tokens = self.tokens(features)
        said = torch.stack(
            [one(masked_mean(each)) for one, each in zip(self.conditions, tokens, strict=True)], dim=1
        )  # [B, K, H]
        others = nn.functional.gelu(said.sum(dim=1, keepdim=True) - said)
        parts = []
        for k, (values, mask) in enumerate(tokens):
            scale, shift = self.modulations[k](others[:, k]).unsqueeze(1).chunk(2, dim=-1)  # [B, 1, H] each
            modulated = nn.functional.gelu((1 + scale) * values + shift)
            parts.append(self.outputs[k](masked_mean(Tokens(modulated, mask))))
        return FusedState(self.norm(torch.stack(parts).sum(dim=0)))
