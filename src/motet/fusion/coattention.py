"""Co-attention: each modality reads the others, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens, join
from motet.fusion.layers import EncoderLayer, masked_mean


class Coattention(Fusion):
    """One stream of tokens for each modality, whose queries look at keys and values of the others, in every direction.

    Source: Lu et al., "ViLBERT", arXiv 1908.02265, sec. 2.2, fig. 2b.

    z_m = EncoderLayer_m(h_m, context [h_n, n /= m]),  s = GELU(W [p_1; ...; p_M] + b),  p_m = mean_t norm_m(z_mt);
    h_m, z_m [B, T_m, H], p_m, s [B, H].
    A modality that is alone looks at itself.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, dropout=dropout) for _ in self.modalities)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.modalities)
        self.mix = nn.Linear(len(self.modalities) * width, width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        streams = self.streams(self.tokens(features))
        read = []
        for m, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            context = join(streams[:m] + streams[m + 1 :] or streams)
            values = layer(streams[m].values, context.mask, context.values)
            read.append(Tokens(norm(values), streams[m].mask))
        pooled = self.mix(torch.cat([masked_mean(one) for one in read], dim=1))
        return FusedState(nn.functional.gelu(pooled), *join(read))
