"""A small transformer decoder over the tokens of a picture: causal self-attention, cross-attention, tied embeddings.

Shapes: B pictures, T positions of a picture, S positions of words, P positions that are already decoded, L layers,
H heads of d numbers each, W = H d the width, V the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.encoders.torch_small_words import FAR_BELOW, TransformerLayer


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of a decoder.

    vocabulary : V; source : D of the picture's tokens; layers : of the decoder; memory_layers : of self-attention over
    the picture's tokens before it; positions : of a sentence at most, its start included.
    """

    vocabulary: int
    source: int
    width: int = 256
    layers: int = 2
    memory_layers: int = 1
    heads: int = 4
    positions: int = 64
    dropout: float = 0.2


class DecoderLayer(nn.Module):
    """Pre-norm: attention to the words before, attention to the picture, feed-forward: x [B, S, W] -> [B, S, W]."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.own_norm, self.cross_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        # softmax is blind to a bias of keys: it would get no gradient
        self.query, self.key, self.value = (nn.Linear(width, width, bias=i != 1) for i in range(3))
        self.output = nn.Linear(width, width)
        self.cross_query, self.cross_key, self.cross_value = (
            nn.Linear(width, width, bias=i != 1) for i in range(3)
        )
        self.cross_output = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def of_picture(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, H, T, d] of a picture [B, T, W], which all words look at."""
        return self._split(self.cross_key(memory)), self._split(self.cross_value(memory))

    def forward(
        self,
        x: Tensor,
        past: tuple[Tensor, Tensor],
        bias: Tensor,
        cross: tuple[Tensor, Tensor],
        hidden: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The words [B, S, W], and keys and values [B, H, P + S, d] of all words so far.

        past : keys and values [B, H, P, d]; bias : added to scores of words, [S, P + S] or [B, 1, S, P + S]; hidden :
        the same of the picture, [B, 1, 1, T].
        """
        inner = self.own_norm(x)
        key = torch.cat([past[0], self._split(self.key(inner))], dim=2)
        value = torch.cat([past[1], self._split(self.value(inner))], dim=2)
        x = x + self.dropout(self.output(_attend(self._split(self.query(inner)), key, value, bias)))
        query = self._split(self.cross_query(self.cross_norm(x)))
        x = x + self.dropout(self.cross_output(_attend(query, *cross, hidden)))
        x = x + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_norm(x)))))
        return x, (key, value)

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class CaptionDecoder(nn.Module):
    """Tokens of pictures [B, T, D] and words so far -> logits of the next word.

    Source: Vaswani et al., 2017; pre-norm and tied embeddings as in Radford et al., 2019.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.project = nn.Linear(shape.source, width)
        self.memory_layers = nn.ModuleList(
            TransformerLayer(width, shape.heads, shape.dropout) for _ in range(shape.memory_layers)
        )
        self.memory_norm = nn.LayerNorm(width)
        self.words = nn.Embedding(shape.vocabulary, width)
        self.places = nn.Embedding(shape.positions, width)
        self.layers = nn.ModuleList(
            DecoderLayer(width, shape.heads, shape.dropout) for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.dropout = nn.Dropout(shape.dropout)
        nn.init.normal_(self.words.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=0.02)

    @property
    def vocabulary(self) -> int:
        """V, the numbers of words that it reads."""
        return self.shape.vocabulary

    def kept(self, pictures: int, words: int) -> tuple[int, ...]:
        """The shape [L, B, H, P, d] of keys, and of values, of so many words."""
        shape = self.shape
        return shape.layers, pictures, shape.heads, words, shape.width // shape.heads

    def of_pictures(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [L, B, H, T, d] of pictures: once a picture, however many words follow. mask [B, T] bool."""
        hidden = hidden_bias(mask)
        memory = self.dropout(self.project(tokens))
        for layer in self.memory_layers:
            memory = layer(memory, hidden)
        memory = self.memory_norm(memory)
        made = [cast(DecoderLayer, layer).of_picture(memory) for layer in self.layers]
        return torch.stack([key for key, _ in made]), torch.stack([value for _, value in made])

    def read(
        self,
        ids: Tensor,
        places: Tensor,
        bias: Tensor,
        past: tuple[Tensor, Tensor] | None,
        cross: tuple[Tensor, Tensor],
        mask: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """States [B, S, W] after words ids [B, S] at places [S] or [B, S], and keys and values [L, B, H, P + S, d].

        past : keys and values [L, B, H, P, d], None for P = 0. bias : see `DecoderLayer`. cross, mask : of pictures.
        """
        x = self.dropout(self.words(ids) * self.shape.width**0.5 + self.places(places))
        hidden = hidden_bias(mask)
        keys, values = [], []
        for number, layer in enumerate(self.layers):
            before = (cross[0][number][:, :, :0],) * 2 if past is None else (past[0][number], past[1][number])
            x, (key, value) = layer(x, before, bias, (cross[0][number], cross[1][number]), hidden)
            keys.append(key)
            values.append(value)
        return self.norm(x), (torch.stack(keys), torch.stack(values))

    def logits(self, states: Tensor) -> Tensor:
        """Logits [..., V] of the next word from states [..., W]."""
        return functional.linear(states, self.words.weight, self.bias)


def hidden_bias(mask: Tensor) -> Tensor:
    """What is added to attention scores [B, 1, 1, T]: padding is out of sight."""
    return (~mask)[:, None, None, :] * FAR_BELOW


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return attended.transpose(1, 2).flatten(2)
