"""The `small` word encoder in PyTorch: a compact transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FAR_BELOW = -1e9  # added to the attention scores of padding; finite, so that nothing becomes NaN


@dataclass(frozen=True)
class WordsConfig:
    """Shape of the word network. The names are those of Hugging Face where there are such.

    initializer_range : standard deviation of the first embeddings. Small ones make all words nearly alike behind the
        first attention, which is slow to learn from where single words matter, and overfits less where few do.
    """

    vocab_size: int
    hidden_size: int = 160
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    max_position_embeddings: int = 128
    dropout: float = 0.1
    initializer_range: float = 0.02
    pad_token_id: int = 0
    model_type: str = "motet_small_words"


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and feed-forward layer: x [B, T, D], bias [B, 1, 1, T] -> [B, T, D]."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(
            width, width, bias=False
        )  # softmax is blind to a bias here: it would get no gradient
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Attend to every position that `bias` leaves, then transform each position."""
        inner = self.attention_norm(x)
        query, key, value = (self._split(part(inner)) for part in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        x = x + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_norm(x)))))
        return x

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(
            1, 2
        )  # [B, heads, T, D / heads]


class SmallWords(nn.Module):
    """Word network: input_ids, attention_mask [B, T] -> pooled [B, D], tokens [B, T, D].

    Pooled is the mean of the tokens over the mask; tokens of padding mean nothing.
    """

    pooling = "mean"

    def __init__(self, config: WordsConfig) -> None:
        super().__init__()
        self.config = config
        self.width = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, self.width)
        self.positions = nn.Embedding(config.max_position_embeddings, self.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(self.width, config.num_attention_heads, config.dropout)
            for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(self.width)
        nn.init.normal_(self.words.weight, std=config.initializer_range)
        nn.init.normal_(self.positions.weight, std=config.initializer_range)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled and token features."""
        position = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.dropout(self.words(input_ids) + self.positions(position))
        bias = (1 - attention_mask.to(x.dtype))[:, None, None, :] * FAR_BELOW
        for layer in self.layers:
            x = layer(x, bias)
        tokens = self.norm(x)
        weight = attention_mask.unsqueeze(-1).to(x.dtype)
        return (tokens * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1), tokens
