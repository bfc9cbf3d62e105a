"""How tokens become one vector: the class token, the mean, or the greatest of each feature."""

from __future__ import annotations

import math

import torch

POOLINGS = ("cls", "mean", "max")


def pooled_over(tokens: torch.Tensor, pooling: str, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Return [B, D] of tokens [B, T, D]; mask [B, T] is 1 at the positions that count, of which each row has one.

    pooling : `cls` takes the first position, `mean` the mean, `max` the greatest of each feature.
    """
    if pooling == "cls":
        return tokens[:, 0]
    seen = torch.ones_like(tokens[..., :1]) if mask is None else mask.unsqueeze(-1).to(tokens.dtype)
    if pooling == "max":
        return tokens.masked_fill(seen == 0, -math.inf).amax(dim=1)
    return (tokens * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
