"""Sigmoid loss: of every pair, whether it belongs together."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size


class Sigmoid(MatchObjective):
    """A yes or no for each pair, which needs no sum over the batch.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training" (SigLIP), arXiv 2303.15343, eq. 1.

    L = -1/N sum over n, m of log sigmoid(z_nm (s x_n.y_m + b)),  z = 1 where the pair is positive, else -1;
    x [N, W], y [M, W]; s and b are learned, b starts low since most pairs are negative. N is the larger of both sides.
    """

    def __init__(self, *, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.offset = nn.Parameter(torch.tensor(bias))

    @property
    def scale(self) -> Tensor:
        """The factor of a cosine, []."""
        return self.log_scale.exp()

    @property
    def bias(self) -> Tensor:
        """Added to a logit, []."""
        return self.offset

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        return self._sum(batch.images, batch.texts, batch.positives) / max(batch.positives.shape)

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """See `MatchObjective.share`: half of each pair is its picture's, half its sentence's."""
        return self._sum(queries, gallery, positives) / (2 * max(size.pictures, size.sentences))

    def _sum(self, queries: Tensor, gallery: Tensor, positives: Tensor) -> Tensor:
        logits = self.scale * queries @ gallery.T + self.offset
        signs = torch.where(positives, 1.0, -1.0)
        return -nn.functional.logsigmoid(signs * logits).sum()
