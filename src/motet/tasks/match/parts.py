"""Parts: the tokens of one side become unit vectors of regions, or of words, which late interaction compares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion import Source, SourceBatch, StandardisedLinear
from motet.fusion.dropout import Dropout


class Parts(nn.Module):
    """Tokens of all sources of a side, one source after another, as unit vectors [B, T, W] of a space of parts.

    u_t = (standardised x_t W_k + b_k), of length one; x_t [D_k] a position of source k. Vectors of padding and absent
    rows mean nothing.

    Parameters
    ----------
    sources : of one side, whose tokens are read. width : W. inputs : dropout of standardised tokens.
    """

    def __init__(self, sources: Sequence[Source], width: int, *, inputs: float = 0.2) -> None:
        super().__init__()
        self.sources = tuple(sources)
        self.width = width
        self.projections = nn.ModuleList(_Positions(source.width, width, inputs) for source in sources)

    @property
    def linears(self) -> list[StandardisedLinear]:
        """The layer of each source."""
        return [each.linear for each in self.projections]  # type: ignore[misc]

    def forward(self, features: SourceBatch) -> Tensor:
        """Return unit vectors."""
        made = [
            project(features[source.name])
            for source, project in zip(self.sources, self.projections, strict=True)
        ]
        return nn.functional.normalize(torch.cat(made, dim=1), dim=-1)

    def there(self, features: SourceBatch) -> Tensor:
        """Which positions [B, T] mean something."""
        masks = []
        for source in self.sources:
            read = features[source.name]
            assert read.mask is not None
            masks.append(read.mask & read.present[:, None])
        return torch.cat(masks, dim=1)


class _Positions(nn.Module):
    """One source's layer, its `linear` held as `training.latent.multiply_out` looks for it."""

    def __init__(self, source_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = StandardisedLinear(source_width, width)
        self.dropout = Dropout(dropout)

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, T, W]."""
        assert features.tokens is not None and features.mask is not None
        seen = features.mask & features.present[:, None]
        x = self.dropout(self.linear.standardised(features.tokens, seen))
        made: Tensor = x @ self.linear.weight + self.linear.bias
        return made
