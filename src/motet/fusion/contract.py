"""The contract of a fusion strategy, and what every strategy is made of: one projection for each source.

Shapes: B rows, T positions, D width of a source, H width of the joint state, K sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion.linear import StandardisedLinear

SourceBatch = Mapping[str, Features[Tensor]]


@dataclass(frozen=True)
class Source:
    """What a fusion needs to know of one source: its name, its modality and D."""

    name: str
    modality: str
    width: int


@dataclass(frozen=True)
class FusedState:
    """The joint state of B rows: pooled [B, H]; tokens [B, T, H] and mask [B, T] where the strategy has them;
    weights [B, K] where it says how much each source gave (they sum to one)."""

    pooled: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None
    weights: Tensor | None = None


class Fusion(nn.Module):
    """Several sources become one state. Subclasses implement `forward` and are listed in `registry.FUSIONS`.

    Where a source is not present in a row, its numbers are never looked at and its learned missing token
    stands in. The order of the dictionary does not matter: sources are read in the order of the constructor.

    Parameters
    ----------
    sources : what will be given, in an order that is kept with the weights.
    width : H, of the joint state.
    dropout : on projected features.
    """

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__()
        self.sources = tuple(sources)
        self.width = width
        # Names of sources hold ':' and '.', which a module's name may not: projections go by position.
        self.projections = nn.ModuleList(Projection(source.width, width, dropout) for source in sources)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch: {source: Features with pooled [B, D], present [B]} -> FusedState."""
        raise NotImplementedError

    def project(self, features: SourceBatch) -> list[Tensor]:
        """Each source as [B, H], in the order of the constructor, missing tokens in place."""
        return [
            projection(features[source.name])
            for source, projection in zip(self.sources, self.projections, strict=True)
        ]


class Projection(nn.Module):
    """One source to the joint width: standardise, project, normalise; a learned token where it is missing."""

    def __init__(self, source_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = StandardisedLinear(source_width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.missing = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, H]."""
        h = self.dropout(self.norm(self.linear(features)))
        return torch.where(features.present.unsqueeze(-1), h, self.missing)
