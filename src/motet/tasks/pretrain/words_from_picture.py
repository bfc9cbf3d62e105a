"""Words from a picture: the text of each pair is written word by word from the cells of its picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from motet.tasks.caption import CaptionDecoder, DecoderShape, pack, token_losses
from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared


class WordsFromPicture(Term):
    """Conditional generation of words with the decoder of `tasks.caption` (as in Yu et al., "CoCa", arXiv 2205.01917).

    L = mean over (k, s) of -log p(w_ks | w_k,<s, v_k);  v [K, T, D_v] cells of the whole picture. Two numbers after the
    vocabulary begin and end a text.
    """

    asks = "the words, written from the picture"
    teaches = ("image",)

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.start, self.end = shape.vocabulary, shape.vocabulary + 1
        self.decoder = CaptionDecoder(
            DecoderShape(
                shape.vocabulary + 2, shape.pictures, shape.width, layers=1, memory_layers=0, heads=shape.heads,
                positions=shape.longest + 1, dropout=shape.dropout,
            )
        )  # fmt: skip

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None without a pair."""
        if not batch.pairs:
            return None
        cells = encoded.cells[: batch.pairs]
        rows = []
        for ids, mask in zip(batch.ids[: batch.pairs], batch.mask, strict=False):
            rows.append([np.array([self.start, *ids[mask > 0].tolist(), self.end], np.int64)])
        everywhere = torch.ones(cells.shape[:2], dtype=torch.bool)
        return token_losses(self.decoder, cells, everywhere, pack(rows)).mean()
