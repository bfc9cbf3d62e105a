"""One small transformer over the cells of a picture and the tokens of a text, which it tells apart by their type."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from motet.encoders.torch_small_words import FAR_BELOW, TransformerLayer
from motet.tasks.pretrain.batch import Shape


class JointState(NamedTuple):
    """A summary [B, W], cells of the picture [B, T, W] and tokens of the text [B, S, W], each having seen all."""

    summary: Tensor
    cells: Tensor
    tokens: Tensor


class Joint(nn.Module):
    """Cells and tokens, aligned to one width, with embeddings of modality (and of place, for cells), encoded together.

    Source: single-stream encoders, Chen et al., "UNITER", arXiv 1909.11740, sec. 3.1.

    z^0 = [c; A_v v_t + p_t + m_v; A_w w_s + m_w],  z^l = TransformerLayer(z^(l-1)),  out = LayerNorm(z^L);
    v [B, T, D_v], w [B, S, D_w]; c, p_t, m_v, m_w [W] learned.
    Tokens know their place already, cells of a convolution do not.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, cells = shape.width, shape.grid[0] * shape.grid[1]
        self.align_cells = nn.Linear(shape.pictures, width)
        self.align_tokens = nn.Linear(shape.words, width)
        self.places = nn.Parameter(torch.randn(cells, width) * 0.02)
        self.types = nn.Parameter(torch.randn(2, width) * 0.02)
        self.summary = nn.Parameter(torch.randn(width) * 0.02)
        self.layers = nn.ModuleList(
            TransformerLayer(width, shape.heads, shape.dropout) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, cells: Tensor, seen: Tensor, tokens: Tensor, mask: Tensor) -> JointState:
        """Encode B rows: cells [B, T, D_v], seen [B] (whether there is a picture), tokens [B, S, D_w], mask [B, S].

        A picture that is not there, or a token that is padding, is out of sight of the others.
        """
        count = cells.shape[1]
        x = torch.cat(
            [
                self.summary.expand(len(cells), 1, -1),
                self.align_cells(cells) + self.places + self.types[0],
                self.align_tokens(tokens) + self.types[1],
            ],
            dim=1,
        )
        there = torch.cat(
            [seen.new_ones(len(seen), 1), seen[:, None].expand(-1, count), mask.to(seen.dtype)], dim=1
        )
        bias = (1 - there.to(x.dtype))[:, None, None, :] * FAR_BELOW
        for layer in self.layers:
            x = layer(x, bias)
        x = self.norm(x)
        return JointState(x[:, 0], x[:, 1 : 1 + count], x[:, 1 + count :])
