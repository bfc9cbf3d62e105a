"""The first layer over a source: standardise, then a linear map."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motet.encoders import Features


class StandardisedLinear(nn.Module):
    """y = ((x - mean) * scale) W + b for x [B, D] -> y [B, H]; absent rows, whose x is never looked at, give b.

    `mean` and `scale` [D] are set from training rows and saved with the weights; W is [D, H].
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, source_width: int, width: int, *, draw: bool = True) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(source_width))
        self.register_buffer("scale", torch.ones(source_width))
        self.weight = nn.Parameter(torch.zeros(source_width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        if draw:  # else the weights are zero until they are set, and no random number is used up
            bound = 1 / math.sqrt(source_width)
            nn.init.uniform_(self.weight, -bound, bound)
            nn.init.uniform_(self.bias, -bound, bound)

    def standardise(self, mean: Tensor, scale: Tensor) -> None:
        """Set what is subtracted from and multiplied with each feature [D]."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, H] of the pooled features."""
        return self.read(features.pooled, features.present)

    def read(self, x: Tensor, seen: Tensor) -> Tensor:
        """Return [..., H] of x [..., D]; where `seen` [...] is False, x is never looked at and gives b."""
        return self.standardised(x, seen) @ self.weight + self.bias

    def standardised(self, x: Tensor, seen: Tensor) -> Tensor:
        """Return (x - mean) * scale [..., D], zeros where `seen` [...] is False."""
        # Chosen before the product: a NaN that is multiplied by zero is still a NaN, in the gradient too.
        return torch.where(seen.unsqueeze(-1), (x - self.mean) * self.scale, torch.zeros_like(self.mean))
