"""FiLM: every source is scaled and shifted, feature by feature, by what the others say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens
from motet.fusion.layers import masked_mean


class Film(Fusion):
    """Feature-wise linear modulation of each source, given the others, in one layer or several.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv 1709.07871, eq. 1-2, and
    sec. 3.2 for several layers.

    c_k = GELU(sum_(j /= k) C_j mean_t h_jt),  (g_k^l, b_k^l) = W_k^l c_k,  l = 1 ... L,
    u_kt^1 = GELU((1 + g_k^1) * h_kt + b_k^1),
    u_kt^l = u_kt^(l-1) + GELU((1 + g_k^l) * A_k^l norm(u_kt^(l-1)) + b_k^l),
    s = LayerNorm(sum_k V_k mean_t u_kt^L);
    h_k, u_k [B, T_k, H], c_k, g_k, b_k, s [B, H].
    The means are over the positions that are shown; a source without tokens has one. One layer finds what has some
    feature; another finds, among that, what has a second one as well: `red squares` needs two.
    """

    reads_tokens: ClassVar[bool] = True
    layered: ClassVar[bool] = True

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, layers: int = 1
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.conditions = nn.ModuleList(nn.Linear(width, width) for _ in self.sources)
        self.modulations = nn.ModuleList(nn.Linear(width, 2 * width) for _ in self.sources)
        self.deeper = nn.ModuleList(
            nn.ModuleList(_Block(width) for _ in range(layers - 1)) for _ in self.sources
        )
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
            condition = others[:, k].unsqueeze(1)  # [B, 1, H]
            modulated = _modulated(values, self.modulations[k](condition))
            for block in cast(nn.ModuleList, self.deeper[k]):
                modulated = block(modulated, condition)
            parts.append(self.outputs[k](masked_mean(Tokens(modulated, mask))))
        return FusedState(self.norm(torch.stack(parts).sum(dim=0)))


class _Block(nn.Module):
    """A layer after the first: x [B, T, H], condition [B, 1, H] -> [B, T, H]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)
        self.modulation = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return x + _modulated(self.linear(self.norm(x)), self.modulation(condition))


def _modulated(values: Tensor, modulation: Tensor) -> Tensor:
    """GELU((1 + g) * values + b) of values [B, T, H] and (g, b) side by side [B, 1, 2 H]."""
    scale, shift = modulation.chunk(2, dim=-1)
    return nn.functional.gelu((1 + scale) * values + shift)
