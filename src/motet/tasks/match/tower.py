"""A tower: the sources of one side become one unit vector in the space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion import Source, SourceBatch, StandardisedLinear
from motet.fusion.dropout import Dropout


class Tower(nn.Module):
    """All sources of pictures, or of words, to one vector of the space.

    h_k = standardised x_k times W_k [H + W],  (a, c) = sum_k h_k,  z = c + V gelu(a),  z / |z|;
    x_k [B, D_k], a [B, H], c, z [B, W]. The direct way c is a linear map, which alone can do what canonical correlation
    does; the hidden layer adds to it.

    Parameters
    ----------
    sources : of one side. width : W of the space. hidden : H.
    dropout : of hidden features; inputs : of standardised ones, which few pictures would else be learned by heart by.
    aligned : the source whose encoder is one of a pair that was trained together (CLIP): the tower begins as its own
        vector, so that without training it is what the pair is; others begin by adding nothing. Its D must be W.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        width: int,
        *,
        hidden: int = 1024,
        dropout: float = 0.3,
        inputs: float = 0.2,
        aligned: str | None = None,
    ) -> None:
        super().__init__()
        self.sources = tuple(sources)
        self.width, self.hidden = width, hidden
        self.projections = nn.ModuleList(_First(source.width, hidden + width, inputs) for source in sources)
        self.dropout = Dropout(dropout)
        self.second = nn.Linear(hidden, width)
        if aligned is not None:
            with torch.no_grad():
                for source, linear in zip(self.sources, self.linears, strict=True):
                    if source.name == aligned and source.width != width:
                        raise ValueError(f"{source.name} is {source.width} wide, the space {width}")
                    linear.weight[:, hidden:] = torch.eye(width) if source.name == aligned else 0.0
                    linear.bias.zero_()
                self.second.weight.zero_()
                self.second.bias.zero_()

    @property
    def linears(self) -> list[StandardisedLinear]:
        """The first layer of each source."""
        return [cast(_First, first).linear for first in self.projections]

    def set_linear(self, mean: Tensor, weight: Tensor) -> None:
        """Make it the linear map (x - mean) W of standardised features side by side: mean [sum D_k], W [sum D_k, W]."""
        widths = [source.width for source in self.sources]
        with torch.no_grad():
            self.second.weight.zero_()
            self.second.bias.copy_(-mean @ weight)
            for linear, part in zip(self.linears, torch.split(weight, widths), strict=True):
                linear.weight.zero_()
                linear.weight[:, self.hidden :] = part
                linear.bias.zero_()

    def forward(self, features: SourceBatch) -> Tensor:
        """Return unit vectors [B, W]."""
        parts = [
            first(features[source.name]) for source, first in zip(self.sources, self.projections, strict=True)
        ]
        hidden, direct = torch.stack(parts).sum(dim=0).tensor_split([self.hidden], dim=-1)
        made: Tensor = direct + self.second(self.dropout(nn.functional.gelu(hidden)))
        unit: Tensor = nn.functional.normalize(made, dim=-1)
        return unit


class _First(nn.Module):
    """The first layer over a source, its `linear` held as `training.latent.multiply_out` looks for it."""

    def __init__(self, source_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = StandardisedLinear(source_width, width)
        self.dropout = Dropout(dropout)

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, H + W]."""
        x = self.dropout(self.linear.standardised(features.pooled, features.present))
        made: Tensor = x @ self.linear.weight + self.linear.bias
        return made
