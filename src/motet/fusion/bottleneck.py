"""Attention bottlenecks: modalities meet only in a few tokens that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens, join
from motet.fusion.layers import EncoderLayer, masked_mean


class Bottleneck(Fusion):
    """Multimodal bottleneck transformer (MBT): each modality has its own layers and sees the others through N tokens.

    Source: Nagrani et al., "Attention Bottlenecks for Multimodal Fusion", arXiv 2107.00135, eq. 8-9.

    [z_m^(l+1); f_m^(l+1)] = EncoderLayer_lm([z_m^l; f^l]),  f^(l+1) = mean_m f_m^(l+1),  l = 0, 1,
    s = LayerNorm(mean_m mean_t z^2_mt);   z_m [B, T_m, H], f [B, N, H], z^0_m = h_m, f^0 learned, s [B, H].
    One bottleneck, where the paper has four: beside four, the one or two tokens of a modality that comes pooled are a
    small part of what each position sees at first, and an exclusive or of two modalities is not learnt.
    The paper's mean of logits, one of each modality, is here the mean of the states from which they are read.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        width: int = 96,
        dropout: float = 0.3,
        layers: int = 2,
        bottlenecks: int = 1,
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.bottlenecks = nn.Parameter(torch.randn(bottlenecks, width) * 0.02)
        self.layers = nn.ModuleList(
            nn.ModuleList(EncoderLayer(width, dropout=dropout) for _ in self.modalities)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        streams = self.streams(self.tokens(features))
        count = len(self.bottlenecks)
        # One token of the batch gives B: its length as a number would be fixed in an ONNX graph.
        shared = self.bottlenecks + torch.zeros_like(streams[0].values[:, :1])  # [B, N, H]
        seen = torch.ones_like(shared[..., 0], dtype=torch.bool)  # [B, N]
        for layers in self.layers:
            met = []
            for m, layer in enumerate(cast(nn.ModuleList, layers)):
                values, mask = join([Tokens(shared, seen), streams[m]])
                values = layer(values, mask)
                met.append(values[:, :count])
                streams[m] = Tokens(values[:, count:], streams[m].mask)
            shared = torch.stack(met).mean(dim=0)
        pooled = torch.stack([masked_mean(one) for one in streams]).mean(dim=0)
        return FusedState(self.norm(pooled), *join(streams))
