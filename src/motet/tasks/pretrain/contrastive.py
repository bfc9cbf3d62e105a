"""Contrastive: of the pairs of a batch, each picture finds its words and each text its picture."""

from __future__ import annotations

from torch import Tensor

from motet.tasks.match import MatchBatch
from motet.tasks.match.infonce import InfoNCE
from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared


class Contrastive(Term):
    """The InfoNCE of `tasks.match` on unit vectors x, y [K, W] of the pairs (Radford et al., CLIP, arXiv 2103.00020).

    Texts that say the same belong to each other's pictures.
    """

    asks = "pairs of a batch find each other"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.objective = InfoNCE()

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None of fewer than two pairs, among which there is nothing to find."""
        if batch.pairs < 2:
            return None
        loss: Tensor = self.objective(MatchBatch(encoded.pictures, encoded.texts, batch.positives))
        return loss
