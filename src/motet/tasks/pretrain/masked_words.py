"""Masked words: hidden tokens of a text are told from the others, and from the picture where there is one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared, beside


class MaskedWords(Term):
    """Masked language modelling given the picture.

    Source: Devlin et al., "BERT", arXiv 1810.04805, sec. 3.1; given the picture as in Chen et al., "UNITER", arXiv
    1909.11740, eq. 1. All hidden tokens become the mask; `rate` .3 of them, since texts of tables are short.

    L = mean over hidden (m, s) of -log softmax(O z_ms)[w_ms];  z [M, S, W] tokens of the joint state of the text with
    its tokens hidden, and of the whole picture; O [V, W].
    """

    asks = "hidden words, told from the others and the picture"

    def __init__(self, shape: Shape, *, rate: float = 0.3) -> None:
        super().__init__()
        self.rate, self.masked = rate, shape.masked
        self.tell = nn.Linear(shape.width, shape.vocabulary)

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None where no token was hidden. Tokens are drawn from PyTorch's generator."""
        hidden = (torch.rand(batch.ids.shape) < self.rate) & (batch.mask > 0)
        if not hidden.any():
            return None
        _, tokens = shared.text(batch.ids.masked_fill(hidden, self.masked), batch.mask)
        texts = len(batch.ids)
        seen = torch.arange(texts) < batch.pairs
        state = shared.joint(beside(encoded.cells[: batch.pairs], texts), seen, tokens, batch.mask)
        return functional.cross_entropy(self.tell(state.tokens[hidden]), batch.ids[hidden])
