"""Hybrid fusion: tokens meet at once, and each modality also speaks for itself until the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from motet.fusion.contract import FusedState, Source, SourceBatch, Tokens
from motet.fusion.early import Early
from motet.fusion.layers import masked_mean


class Hybrid(Early):
    """Early and late fusion, added.

    Source: Baltrusaitis et al., "Multimodal Machine Learning: A Survey and Taxonomy", arXiv 1705.09406, sec. 5.1.

    s = (e + sum_m u_m) / (M + 1),  e of `early`,  u_m = LayerNorm_m(mean_t (h_mt + W2_m GELU(W1_m h_mt)));
    h_m [B, T_m, H], e, u_m, s [B, H].
    A linear layer over s is a sum of one for each u_m, which saw its modality alone (late), and one for e. u_m does
    without attention: what an encoder gives as tokens has attended to its own kind already.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.own = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in self.modalities
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.modalities)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        streams = self.streams(self.tokens(features))
        early = self.read(streams)
        parts = [early.pooled]
        for own, norm, (values, mask) in zip(self.own, self.norms, streams, strict=True):
            parts.append(norm(masked_mean(Tokens(values + own(values), mask))))
        return FusedState(torch.stack(parts).mean(dim=0), early.tokens, early.mask)
