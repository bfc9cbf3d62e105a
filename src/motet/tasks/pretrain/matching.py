"""Image-text matching: whether a picture and a text belong together, told from those that nearly do."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared

SCALE = 10.0  # of a cosine, when negatives are drawn: near ones often, never one alone


class Matching(Term):
    """Binary matching with hard negatives.

    Source: Li et al., "Align before Fuse" (ALBEF), arXiv 2107.07651, eq. 4 and sec. 3.2.

    L = mean of -log sigmoid(s q(v, w)) over the K pairs (s = 1), and one text for each picture and one picture for each
    text, drawn with p ~ exp(10 x.y) among those that do not belong to it (s = -1);  q = a.z_0 + b of the joint state.
    """

    asks = "whether picture and words belong together, against near ones"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tell = nn.Linear(shape.width, 1)

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None where all pictures and texts of the batch belong together."""
        near = SCALE * (encoded.pictures @ encoded.texts.T).detach()
        apart = near.masked_fill(batch.positives, float("-inf"))
        with_other = (~batch.positives).any(dim=1)
        if not with_other.any():
            return None
        pairs = torch.arange(batch.pairs)
        mine, others = pairs[with_other], pairs[(~batch.positives).any(dim=0)]
        text = torch.multinomial(apart[mine].softmax(dim=1), 1)[:, 0]
        picture = torch.multinomial(apart.T[others].softmax(dim=1), 1)[:, 0]
        v, w = torch.cat([pairs, mine, picture]), torch.cat([pairs, text, others])
        seen = torch.ones(len(v), dtype=torch.bool)
        state = shared.joint(encoded.cells[v], seen, encoded.tokens[w], batch.mask[w])
        wanted = (torch.arange(len(v)) < batch.pairs).to(state.summary.dtype)
        return functional.binary_cross_entropy_with_logits(self.tell(state.summary)[:, 0], wanted)
