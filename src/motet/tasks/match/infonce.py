"""InfoNCE: each picture finds its sentences among those of the batch, and each sentence its pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size, over_negatives


class InfoNCE(MatchObjective):
    """Symmetric cross-entropy with a learned temperature.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (CLIP), arXiv
    2103.00020, fig. 3; several positives as in Khosla et al., "Supervised Contrastive Learning", arXiv 2004.11362, eq.
    2, but that positives are left out of one another's denominators.

    l = s x.y,  L = 1/2 [mean over (n, m) in P of -log e^l_nm / (e^l_nm + sum over m' not in P(n) of e^l_nm')]
                  + 1/2 [the same over columns];   x [N, W], y [M, W], s <= 100 learned.
    """

    LARGEST = 100.0  # of s, as in CLIP

    def __init__(self, *, scale: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @property
    def scale(self) -> Tensor:
        """The factor of a cosine, []."""
        return self.log_scale.clamp(max=math.log(self.LARGEST)).exp()

    @property
    def bias(self) -> float:
        """Added to a logit."""
        return 0.0

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        return symmetric(self.scale * batch.images @ batch.texts.T, batch.positives)

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """See `MatchObjective.share`."""
        return over_negatives(self.scale * queries @ gallery.T, positives).sum() / (2 * size.pairs)


def symmetric(logits: Tensor, positives: Tensor) -> Tensor:
    """The mean over positive pairs, both ways, of logits [N, M]: []."""
    pairs = positives.sum()
    there, back = over_negatives(logits, positives), over_negatives(logits.T, positives.T)
    return (there.sum() + back.sum()) / (2 * pairs)
