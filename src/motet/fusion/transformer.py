"""One transformer over the tokens of all modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens, join
from motet.fusion.layers import EncoderLayer


class Transformer(Fusion):
    """Tokens of all modalities, with an embedding of their modality, through a joint encoder; a class token sums up.

    Source: single-stream encoders, as Chen et al., "UNITER", arXiv 1909.11740, sec. 3.1.

    z^0 = [c; h_1 + m_1; ...; h_K + m_K],  z^l = EncoderLayer(z^(l-1)), l = 1 ... L,  s = LayerNorm(z^L_0);
    h_k [B, T_k, H], m_k [H] of its modality, c [H] learned, z [B, 1 + sum T_k, H], s [B, H].
    Of the last layer only z_0 is computed: with one layer no word looks at a region, which is enough for classes but
    not for questions. Positions are not numbered: what encoders give as tokens knows its place
    already.
    """

    reads_tokens: ClassVar[bool] = True
    layered: ClassVar[bool] = True

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, layers: int = 1
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.types = nn.Parameter(torch.randn(len(self.modalities), width) * 0.02)
        self.summary = nn.Parameter(torch.randn(width) * 0.02)
        self.layers = nn.ModuleList(EncoderLayer(width, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        streams = self.streams(self.tokens(features))
        values, mask = join([Tokens(one.values + self.types[m], one.mask) for m, one in enumerate(streams)])
        x = torch.cat([self.summary.expand_as(values[:, :1]), values], dim=1)
        mask = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        *layers, last = self.layers
        for layer in layers:
            x = layer(x, mask)
        return FusedState(self.norm(last(x[:, :1], mask, x))[:, 0])
