"""Early fusion: tokens meet before any layer of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens, join
from motet.fusion.layers import EncoderLayer, masked_mean


class Early(Fusion):
    """All tokens in one sequence from the first layer on; one layer, and the mean of what it makes.

    Source: Baltrusaitis et al., "Multimodal Machine Learning: A Survey and Taxonomy", arXiv 1705.09406, sec. 5.1; one
    sequence of regions and words: Li et al., "VisualBERT", arXiv 1908.03557.

    z = EncoderLayer([h_1 + m_1; ...; h_K + m_K]),  s = LayerNorm(mean_t z_t);
    h_k [B, T_k, H], m_k [H] of its modality, z [B, sum T_k, H], s [B, H].
    A simpler `transformer`: half as deep, and without a token that sums up.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.types = nn.Parameter(torch.randn(len(self.modalities), width) * 0.02)
        self.layer = EncoderLayer(width, dropout=dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        return self.read(self.streams(self.tokens(features)))

    def read(self, streams: Sequence[Tokens]) -> FusedState:
        """Fuse the tokens of each modality."""
        values, mask = join([Tokens(one.values + self.types[m], one.mask) for m, one in enumerate(streams)])
        values = self.layer(values, mask)
        return FusedState(self.norm(masked_mean(Tokens(values, mask))), values, mask)
