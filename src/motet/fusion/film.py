"""FiLM: every source is scaled and shifted, feature by feature, by what the others say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens
from motet.fusion.layers import HEADS, masked_mean


class Film(Fusion):
    """Feature-wise linear modulation of each source, given the others, in one layer or several.

    Source: Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv 1709.07871, eq. 1-2, and
    sec. 3.2 for several layers. Each layer hears other positions of the others, as Hudson and Manning, "Compositional
    Attention Networks", arXiv 1803.03067, sec. 3.2.1, attend to other words of a question in each step.

    c_k^l = GELU(sum_(j /= k) C_j^l a_j^l),  (g_k^l, b_k^l) = W_k^l c_k^l,  l = 1 ... L,
    a_j^l = sum_t softmax_t(S_j^l h_jt) h_jt in heads, of a source that is read as tokens; else its one vector,
    u_kt^1 = GELU((1 + g_k^1) * h_kt + b_k^1),
    u_kt^l = u_kt^(l-1) + GELU((1 + g_k^l) * A_k^l norm(u_kt^(l-1)) + b_k^l),
    s = LayerNorm(sum_k V_k mean_t u_kt^L);
    h_k, u_k [B, T_k, H], a_k, c_k, g_k, b_k, s [B, H].
    Softmax and means are over the positions that are shown. One layer finds what has some feature; another finds,
    among that, what has a second one as well: `red squares` needs two.
    """

    reads_tokens: ClassVar[bool] = True
    layered: ClassVar[bool] = True

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, layers: int = 1
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.layers = nn.ModuleList(
            _Layer(self.sources, width, first=number == 0) for number in range(layers)
        )
        self.outputs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.sources)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        tokens = self.tokens(features)
        values = [one.values for one in tokens]
        for layer in self.layers:
            values = layer(values, tokens)
        parts = [
            output(masked_mean(Tokens(one, given.mask)))
            for output, one, given in zip(self.outputs, values, tokens, strict=True)
        ]
        return FusedState(self.norm(torch.stack(parts).sum(dim=0)))


class _Layer(nn.Module):
    """One layer for all sources: u [B, T_k, H] of each, and the tokens that were given, -> u."""

    def __init__(self, sources: Sequence[Source], width: int, *, first: bool) -> None:
        super().__init__()
        self.heard = nn.ModuleList(_Heard(width, source.read == "tokens") for source in sources)
        self.modulations = nn.ModuleList(nn.Linear(width, 2 * width) for _ in sources)
        self.linears = nn.ModuleList(
            nn.Identity() if first else nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
            for _ in sources
        )
        self.first = first

    def forward(self, values: Sequence[Tensor], tokens: Sequence[Tokens]) -> list[Tensor]:
        said = torch.stack(
            [heard(one) for heard, one in zip(self.heard, tokens, strict=True)], dim=1
        )  # [B, K, H]
        others = nn.functional.gelu(said.sum(dim=1, keepdim=True) - said)
        made = []
        for k, u in enumerate(values):
            scale, shift = self.modulations[k](others[:, k : k + 1]).chunk(2, dim=-1)  # [B, 1, H] both
            modulated = nn.functional.gelu((1 + scale) * self.linears[k](u) + shift)
            made.append(modulated if self.first else u + modulated)
        return made


class _Heard(nn.Module):
    """What a source says to the others in a layer: tokens [B, T, H] -> [B, H]."""

    def __init__(self, width: int, attends: bool) -> None:
        super().__init__()
        heads = math.gcd(width, HEADS)
        self.score = nn.Linear(width, heads, bias=False) if attends else None
        self.linear = nn.Linear(width, width)

    def forward(self, tokens: Tokens) -> Tensor:
        if self.score is None:
            return cast(Tensor, self.linear(masked_mean(tokens)))
        scores = self.score(tokens.values).masked_fill(~tokens.mask.unsqueeze(-1), -math.inf)
        shares = scores.softmax(dim=1)  # [B, T, heads]
        parted = tokens.values.reshape(*shares.shape, -1)  # [B, T, heads, H / heads]
        return cast(Tensor, self.linear((shares.unsqueeze(-1) * parted).sum(dim=1).flatten(1)))
