"""Triplet loss with the hardest negative of the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size


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
        there, back = self._sum(similarity, batch.positives), self._sum(similarity.T, batch.positives.T)
        return (there + back) / batch.positives.sum()

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """See `MatchObjective.share`."""
        return self._sum(queries @ gallery.T, positives) / size.pairs

    def _sum(self, similarity: Tensor, positives: Tensor) -> Tensor:
        """Over positive pairs, by how much each is beaten by the nearest wrong one of its row [Q, G], a number."""
        wrong = similarity.masked_fill(positives, -2.0)  # so far below every cosine that it costs nothing
        losses = torch.relu(self.margin + wrong.amax(dim=1, keepdim=True) - similarity)
        return losses.masked_fill(~positives, 0.0).sum()
