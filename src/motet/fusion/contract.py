"""The contract of a fusion strategy, and what every strategy is made of: one projection for each source.

Shapes: B rows, T positions, D width of a source, H width of the joint state, K sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion.dropout import Dropout
from motet.fusion.linear import StandardisedLinear

SourceBatch = Mapping[str, Features[Tensor]]


@dataclass(frozen=True)
class Source:
    """What a fusion needs to know of one source: its name, its modality, and D of what is read of it.

    read : `pooled` features, `tokens`, or one vector that learned `attention` makes of tokens.
    """

    name: str
    modality: str
    width: int
    read: Literal["pooled", "tokens", "attention"] = "pooled"


class Tokens(NamedTuple):
    """Values [B, T, H] and mask [B, T] bool: where it is False the position is padding."""

    values: Tensor
    mask: Tensor


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

    `reads_tokens` says whether a strategy makes use of `Features.tokens`; where it is False, only `pooled` is read.
    `layered` says whether it takes `layers`, how often it looks from one modality at the others.
    It runs under `torch.func.vmap` and is exported to ONNX: no branch may depend on values, nor on B or T.

    Where a source is not present in a row, its numbers are never looked at and its learned missing token
    stands in. The order of the dictionary does not matter: sources are read in the order of the constructor.

    Parameters
    ----------
    sources : what will be given, in an order that is kept with the weights.
    width : H, of the joint state.
    dropout : on projected features.
    """

    reads_tokens: ClassVar[bool] = False
    layered: ClassVar[bool] = False

    def __init__(self, sources: Sequence[Source], *, width: int = 96, dropout: float = 0.3) -> None:
        super().__init__()
        self.sources = tuple(sources)
        self.width = width
        # Names of sources hold ':' and '.', which a module's name may not: projections go by position.
        self.projections = nn.ModuleList(Projection(source, width, dropout) for source in sources)

    def forward(self, features: SourceBatch) -> FusedState:
        """Fuse a batch: {source: Features with pooled [B, D], present [B]} -> FusedState."""
        raise NotImplementedError

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of the sources, each once, in the order of the constructor."""
        return tuple(dict.fromkeys(source.modality for source in self.sources))

    def project(self, features: SourceBatch) -> list[Tensor]:
        """Each source as [B, H], in the order of the constructor, missing tokens in place."""
        return [
            projection(features[source.name])
            for source, projection in zip(self.sources, self.projections, strict=True)
        ]

    def tokens(self, features: SourceBatch) -> list[Tokens]:
        """Each source as tokens [B, T_k, H] with mask [B, T_k], in the order of the constructor.

        A source that is given without tokens is one token, its pooled vector. One that is not present in a row, or
        has no position that its mask shows, is its learned missing token at the first position. So every row has a
        token of every source, and attention over them is never empty.
        """
        return [
            cast(Projection, projection).tokens(features[source.name])
            for source, projection in zip(self.sources, self.projections, strict=True)
        ]

    def streams(self, tokens: Sequence[Tokens]) -> list[Tokens]:
        """The tokens of sources, in the order of the constructor, joined for each modality."""
        return [
            join(
                [one for one, source in zip(tokens, self.sources, strict=True) if source.modality == modality]
            )
            for modality in self.modalities
        ]


def join(tokens: Sequence[Tokens]) -> Tokens:
    """All tokens one after the other: [B, T_1 + ... + T_K, H]."""
    return Tokens(torch.cat([one.values for one in tokens], 1), torch.cat([one.mask for one in tokens], 1))


class Projection(nn.Module):
    """One source to the joint width: standardise, project, normalise; a learned token where it is missing.

    A source whose tokens are pooled by learned attention is h = sum_t a_t h_t, a = softmax_t(v . tanh(W h_t + b)), over
    the positions that are shown (Lin et al., "A Structured Self-attentive Sentence Embedding", arXiv 1703.03130,
    eq. 5, with one hop).
    """

    def __init__(self, source: Source, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = StandardisedLinear(source.width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)
        self.missing = nn.Parameter(torch.randn(width) * 0.02)
        self.score = (
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
            if source.read == "attention"
            else None
        )

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, H]."""
        if self.score is None:
            h = self.dropout(self.norm(self.linear(features)))
            return torch.where(features.present.unsqueeze(-1), h, self.missing)
        values, mask = self._read_tokens(features)
        shares = self.score(values).squeeze(-1).masked_fill(~mask, -torch.inf).softmax(dim=1)  # [B, T]
        pooled: Tensor = (shares.unsqueeze(-1) * values).sum(dim=1)
        return pooled

    def tokens(self, features: Features[Tensor]) -> Tokens:
        """Return tokens [B, T, H] and their mask [B, T], T of `features.tokens` or 1."""
        if self.score is not None or features.tokens is None:
            return Tokens(self(features).unsqueeze(1), torch.ones_like(features.present).unsqueeze(1))
        return self._read_tokens(features)

    def _read_tokens(self, features: Features[Tensor]) -> Tokens:
        assert features.tokens is not None and features.mask is not None
        seen = features.mask & features.present.unsqueeze(-1)  # [B, T]
        values = self.dropout(self.norm(self.linear.read(features.tokens, seen)))
        empty = ~seen.any(dim=1, keepdim=True)  # [B, 1]
        first = torch.where(empty.unsqueeze(-1), self.missing, values[:, :1])
        return Tokens(
            torch.cat([first, values[:, 1:]], dim=1), torch.cat([seen[:, :1] | empty, seen[:, 1:]], dim=1)
        )
