"""The layers of strategies over tokens, against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from motet.fusion.contract import Tokens
from motet.fusion.layers import Attention, masked_mean


@pytest.mark.parametrize(("width", "heads"), [(16, 4), (6, 2), (5, 1)])
def test_attention_equals_that_of_pytorch(width: int, heads: int) -> None:
    torch.manual_seed(0)
    attention = Attention(width)
    assert attention.heads == heads
    x, context = torch.randn(3, 4, width), torch.randn(3, 5, width)
    mask = torch.rand(3, 5) < 0.5
    mask[:, 2] = True

    def split(y: torch.Tensor) -> torch.Tensor:
        return y.reshape(3, -1, heads, width // heads).transpose(1, 2)

    q, k, v = split(attention.query(x)), split(attention.key(context)), split(attention.value(context))
    mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
    want = attention.out(mixed.transpose(1, 2).reshape(3, 4, width))
    torch.testing.assert_close(attention(x, context, mask), want)
    each = mask[:, None, :].expand(3, 4, 5)  # a mask for each position that asks
    torch.testing.assert_close(attention(x, context, each), want)


def test_the_mean_is_that_of_shown_positions() -> None:
    values = torch.tensor([[[1.0], [5.0], [float("nan")]], [[2.0], [float("inf")], [7.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    torch.testing.assert_close(masked_mean(Tokens(values, mask)), torch.tensor([[3.0], [2.0]]))
