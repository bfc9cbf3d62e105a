"""A graph of regions and words: each node is aligned with those of the other modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch, Tokens, join
from motet.fusion.dropout import Dropout
from motet.fusion.layers import Attention


class Graph(Fusion):
    """Graph attention over tokens: an edge from each node to itself and to every node of another modality.

    Source: Velickovic et al., "Graph Attention Networks", arXiv 1710.10903, eq. 3-4, with dot-product scores; local
    alignment of regions and words: Lee et al., "Stacked Cross Attention", arXiv 1803.08024, sec. 3.1.

    a_i = Attention(norm(n_i), {norm(n_j): j = i or of another modality}),
    n_i <- n_i + W2 GELU(W1 [norm(n_i); a_i; norm(n_i) * a_i]), twice,
    s = LayerNorm(sum_i r_i n_i),  r = softmax_i(w . tanh(U n_i));   n_i, a_i, s [B, H], n_i^0 a token of `h`.
    `weights` [B, K]: the sum of r_i over the nodes of each source.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(
        self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3, rounds: int = 2
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.rounds = nn.ModuleList(_Round(width, dropout) for _ in range(rounds))
        self.readout = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        tokens = self.tokens(features)
        nodes, mask = join(tokens)
        edges = self._edges(tokens)
        for one in self.rounds:
            nodes = one(nodes, edges)
        scores = self.readout(nodes).squeeze(2).masked_fill(~mask, -torch.inf)
        shares = scores.softmax(dim=1)  # [B, N]
        pooled = self.norm((shares.unsqueeze(2) * nodes).sum(dim=1))
        of_source = shares.split([one.mask.shape[1] for one in tokens], dim=1)
        return FusedState(pooled, nodes, mask, torch.stack([one.sum(dim=1) for one in of_source], dim=1))

    def _edges(self, tokens: Sequence[Tokens]) -> Tensor:
        """Where node i may look at node j: [B, N, N]. Padding looks at itself alone, and nothing looks at it."""
        mask = torch.cat([one.mask for one in tokens], dim=1)
        modality = torch.cat(
            [
                torch.full_like(one.mask[:1], self.modalities.index(source.modality), dtype=torch.int64)
                for one, source in zip(tokens, self.sources, strict=True)
            ],
            dim=1,
        )  # [1, N]
        place = torch.ones_like(modality).cumsum(dim=1)  # [1, N]
        itself = place.unsqueeze(2) == place.unsqueeze(1)
        other = modality.unsqueeze(2) != modality.unsqueeze(1)
        return itself | (other & mask.unsqueeze(1) & mask.unsqueeze(2))


class _Round(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.update = nn.Sequential(nn.Linear(3 * width, width), nn.GELU(), nn.Linear(width, width))
        self.dropout = Dropout(dropout)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """Nodes [B, N, H] after they have looked along edges [B, N, N]."""
        normed = self.norm(nodes)
        aligned = self.attention(normed, normed, edges)
        joined = torch.cat([normed, aligned, normed * aligned], dim=2)
        updated: Tensor = nodes + self.dropout(self.update(joined))
        return updated
