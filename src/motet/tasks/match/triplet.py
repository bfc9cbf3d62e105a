"""Triplet loss with the hardest negative of the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from motet.tasks.match.batch import MatchBatch, MatchObjective


class Triplet(MatchObjective):
    """Each pair must be nearer, by a margin, than the nearest wrong sentence and the nearest wrong picture.

    Source: Faghri et al., "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives", arXiv 1707.05612, eq. 6.

    L = mean over (n, m) in P of [a + max over m' not in P(n) of x_n.y_m' - x_n.y_m]_+
                               + [a + max over n' not in P(m) of x_n'.y_m - x_n.y_m]_+;   x [N, W], y [M, W], margin a.
    """

    scale, bias = 20.0, 0.0  # nothing learns them: a cosine becomes a logit as InfoNCE begins

    def __init__(self, *, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        similarity = batch.images @ batch.texts.T
        wrong = similarity.masked_fill(
            batch.positives, -2.0
        )  # so far below every cosine that it costs nothing
        sentences = wrong.amax(dim=1, keepdim=True) - similarity
        pictures = wrong.amax(dim=0, keepdim=True) - similarity
        losses = torch.relu(self.margin + sentences) + torch.relu(self.margin + pictures)
        return losses.masked_fill(~batch.positives, 0.0).sum() / batch.positives.sum()
