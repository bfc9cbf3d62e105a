"""What the strategies over tokens are made of: attention, a pre-norm encoder layer, and the mean of what is shown.

Shapes: B rows, T positions that ask, S positions that are asked, H width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motet.fusion.contract import Tokens
from motet.fusion.dropout import Dropout

HEADS = 4


class Attention(nn.Module):
    """Scaled dot-product attention: softmax(q k' / sqrt(d)) v in several heads of width d.

    Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, eq. 1. Heads are four, or fewer where four
    do not divide the width.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = math.gcd(width, HEADS)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)  # a constant added to all keys changes no softmax
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Return [B, T, H] of x [B, T, H] over context [B, S, H]; mask [B, S] or [B, T, S] is False where not to look.

        Each position must have at least one to look at.
        """
        q, k, v = (self._split(each) for each in (self.query(x), self.key(context), self.value(context)))
        seen = mask.unsqueeze(1) if mask.dim() == 3 else mask[:, None, None, :]  # [B, 1, T or 1, S]
        # Written out: F.scaled_dot_product_attention has no rule for vmap on a processor, and is slower and warns.
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, heads, T, S]
        mixed = scores.masked_fill(~seen, -math.inf).softmax(dim=-1) @ v
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        """[B, T, H] -> [B, heads, T, H / heads]."""
        return x.reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class EncoderLayer(nn.Module):
    """A pre-norm transformer layer: x <- x + Attention(norm(x), norm(context)), x <- x + W2 GELU(W1 norm(x)).

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", arXiv 2002.04745: pre-norm trains
    without a long warm-up. The inner layer is twice as wide as H, not four times: tables are small.
    """

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.norm, self.inner_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width)
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """Return [B, T, H] of x [B, T, H], which looks at the context [B, S, H], or at itself, where `mask` [B, S]."""
        normed = self.norm(x)
        asked = normed if context is None else self.norm(context)
        x = x + self.dropout(self.attention(normed, asked, mask))
        x = x + self.dropout(self.inner(self.inner_norm(x)))
        return x


def masked_mean(tokens: Tokens) -> Tensor:
    """The mean [B, H] of the positions that the mask shows, of which each row must have one."""
    seen = tokens.mask.unsqueeze(-1)
    total = torch.where(seen, tokens.values, torch.zeros_like(tokens.values)).sum(dim=1)
    return total / seen.sum(dim=1).to(total.dtype)
