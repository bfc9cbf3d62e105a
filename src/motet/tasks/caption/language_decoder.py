"""A picture becomes a prefix of a language model's own embeddings, which then writes the sentence.

Shapes: B pictures, T positions of a picture, K vectors of the prefix, S words, P words that are already written,
L layers, H heads of keys of d numbers each, E the width of the language model, V its vocabulary.

Source: Mokady et al., 2021 (ClipCap, arXiv 2111.09734), with its transformer mapping, over all tokens of the picture.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.encoders.torch_small_words import FAR_BELOW, TransformerLayer
from motet.tasks.caption.decoder import hidden_bias

Kept = tuple[Tensor, Tensor]


class LanguageDecoder(nn.Module):
    """Tokens of pictures [B, T, D] and words so far -> logits of the next word, by a causal language model.

    language : a causal language model of transformers; what of it is not frozen is learned too, and dropout is off.
    source : D. prefix : K. width, layers, heads, dropout : of the mapping, a transformer over the picture's tokens and
    K learned constants. Words begin with the number V, which has a learned embedding: a model's own start of a
    document would tell it to forget the prefix.
    """

    def __init__(
        self,
        language: nn.Module,
        source: int,
        *,
        prefix: int = 10,
        width: int = 256,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.language: Any = language
        self.prefix = prefix
        table = embedding_of(language).weight.detach()
        self.vocabulary = len(table) + 1
        self.project = nn.Linear(source, width)
        self.constants = nn.Parameter(torch.randn(prefix, width) * width**-0.5)
        self.mapping = nn.ModuleList(TransformerLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(width, table.shape[1])
        self.start = nn.Parameter(table.mean(dim=0).clone())
        self.scale = float(
            table.std()
        )  # the prefix begins at the size of words, which the model knows to read
        self.dropout = nn.Dropout(dropout)

    def train(self, mode: bool = True) -> Self:
        """Set the mapping to train; the language model stays in eval mode."""
        super().train(mode)
        self.language.eval()
        return self

    def kept(self, pictures: int, words: int) -> tuple[int, ...]:
        """The shape [L, B, H, P, d] of keys, and of values, of so many words."""
        keys, _ = self.of_pictures(
            torch.zeros(1, 1, self.project.in_features), torch.ones(1, 1, dtype=torch.bool)
        )
        return (len(keys), pictures, keys.shape[2], words, keys.shape[4])

    def of_pictures(self, tokens: Tensor, mask: Tensor) -> Kept:
        """Keys and values [L, B, H, K, d] of the prefix of pictures: once a picture. mask [B, T] bool."""
        constants = self.constants.expand(tokens.shape[0], -1, -1)
        seen = torch.cat([mask, torch.ones_like(constants[:, :, 0], dtype=torch.bool)], dim=1)
        x = torch.cat([self.dropout(self.project(tokens)), constants], dim=1)
        for layer in self.mapping:
            x = layer(x, hidden_bias(seen))
        prefix = self.into(self.norm(x[:, -self.prefix :])) * self.scale
        places = torch.arange(self.prefix)
        bias = (places[None, :] > places[:, None])[None, None] * FAR_BELOW
        return read_on(self.language, prefix, places[None], bias, None)[1]

    def read(
        self,
        ids: Tensor,
        places: Tensor,
        bias: Tensor,
        past: Kept | None,
        cross: Kept,
        mask: Tensor,
    ) -> tuple[Tensor, Kept]:
        """States [B, S, E] after words ids [B, S] at places [S] or [B, S], and keys and values [L, B, H, P + S, d].

        past : keys and values [L, B, H, P, d], None for P = 0. bias : added to scores of words, [S, P + S] or
        [B, 1, S, P + S]. cross : of the prefix, [L, B, H, K, d]; all words see all of it, so that `mask` is not read.
        """
        table = embedding_of(self.language)
        begins = (ids == self.vocabulary - 1)[..., None]
        words = torch.where(begins, self.start, table(ids.clamp(max=self.vocabulary - 2)))
        bias = bias if bias.dim() == 4 else bias[None, None]
        whole = functional.pad(bias, (self.prefix, 0))
        before = (
            cross if past is None else (torch.cat([cross[0], past[0]], 3), torch.cat([cross[1], past[1]], 3))
        )
        at = (places if places.dim() == 2 else places[None]) + self.prefix
        states, (keys, values) = read_on(self.language, words, at, whole, before)
        return states, (keys[:, :, :, self.prefix :], values[:, :, :, self.prefix :])

    def logits(self, states: Tensor) -> Tensor:
        """Logits [..., V] of the next word from states [..., E]."""
        made: Tensor = self.language.get_output_embeddings()(states)
        return made


def embedding_of(language: Any) -> nn.Embedding:
    """The table of a language model's words."""
    found = language.get_input_embeddings()
    assert isinstance(found, nn.Embedding)
    return found


def read_on(
    language: Any, embeddings: Tensor, places: Tensor, bias: Tensor, past: Kept | None
) -> tuple[Tensor, Kept]:
    """States [B, S, E] of embeddings [B, S, E] at places [1 or B, S] after P others, and what is kept of P + S.

    bias [1 or B, 1, S, P + S] is added to scores. past : keys and values [L, B, H, P, d].
    """
    from transformers import (
        DynamicCache,  # here, because loading it takes longer than a small decoder's first steps
    )

    kept: dict[int, Kept] = {}

    def update(keys: Tensor, values: Tensor, layer: int, *_: Any, **__: Any) -> Kept:
        # the cache's own begins with an empty tensor of another rank, which ONNX does not know
        if past is not None:
            keys = torch.cat([past[0][layer], keys], dim=2)
            values = torch.cat([past[1][layer], values], dim=2)
        kept[layer] = keys, values
        return keys, values

    cache: Any = DynamicCache()
    cache.update = update
    rows = embeddings.shape[0]  # and not len, which a graph would keep as a constant
    made = language.base_model(
        inputs_embeds=embeddings,
        position_ids=places.expand(rows, -1),
        attention_mask=bias.expand(rows, -1, -1, -1).to(embeddings.dtype),
        past_key_values=cache,
        use_cache=True,
    )
    keys, values = zip(*(kept[layer] for layer in sorted(kept)), strict=True)
    return made.last_hidden_state, (torch.stack(keys), torch.stack(values))
