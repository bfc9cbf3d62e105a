"""Attention over sources: a row decides how much it takes of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from motet.fusion.contract import FusedState, Fusion, Source, SourceBatch


class SourceAttention(Fusion):
    """Attention over the sources of each row, asked by their mean; over sources, never over the rows of a batch.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", arXiv 1409.0473,
    A.1.2 (`additive`); Vaswani et al., arXiv 1706.03762, eq. 1 (`dot`).

    e_k = v . tanh(W h_k + U y + b)   or   e_k = (W h_k) . (U y + b) / sqrt(H),   y = mean_k h_k,
    a = softmax(e),  s = GELU(V sum_k a_k h_k + c);   h_k, y, s [B, H], e, a [B, K] (`weights`).

    `hard` takes only the source with the largest weight, of equal ones the first. In training its gradient is that of
    the soft weights (straight-through: Bengio et al., arXiv 1308.3432).
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        width: int = 96,
        dropout: float = 0.3,
        score: Literal["additive", "dot"] = "additive",
        hard: bool = False,
    ) -> None:
        super().__init__(sources, width=width, dropout=dropout)
        self.key = nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False) if score == "additive" else None
        self.mix = nn.Linear(width, width)
        self.hard = hard

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch of B rows."""
        sources = torch.stack(self.project(features), dim=1)  # [B, K, H]
        weights = self._scores(sources).softmax(dim=1)  # [B, K]
        if self.hard:
            weights = _top_one(weights)
        pooled = nn.functional.gelu(self.mix((weights.unsqueeze(-1) * sources).sum(dim=1)))
        return FusedState(pooled, weights=weights)

    def _scores(self, sources: Tensor) -> Tensor:
        keys, query = self.key(sources), self.query(sources.mean(dim=1, keepdim=True))  # [B, K, H], [B, 1, H]
        if self.score is None:
            products: Tensor = (keys * query).sum(dim=2)
            return products / math.sqrt(self.width)
        scores: Tensor = self.score(torch.tanh(keys + query)).squeeze(2)
        return scores


def _top_one(weights: Tensor) -> Tensor:
    """One for the largest of each row [B, K], else zero; the gradient is that of `weights`."""
    places = torch.arange(weights.shape[1], device=weights.device)
    one = (places == weights.argmax(dim=1, keepdim=True)).to(weights.dtype)
    return one + (weights - weights.detach())
