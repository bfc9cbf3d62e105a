"""The contract of an encoder: rows of one modality become features of one source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from motet.encoders.cache import FeatureCache
from motet.encoders.features import FeatureTable, VectorTokens

Rows = npt.NDArray[np.int64]


class Encoder(Protocol):
    """One way to turn cells of one modality into vectors. `modality:name` is the name of its source.

    `fingerprint` changes whenever the same cell would get other numbers (weights, preprocessing, pooling, length,
    engine, precision); features are cached under it.
    """

    @property
    def name(self) -> str:
        """Name without the modality: `minilm`, `lexical`."""
        ...

    @property
    def modality(self) -> str:
        """`image`, `text`, `tabular`, ..."""
        ...

    @property
    def width(self) -> int:
        """D of pooled features."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides the numbers."""
        ...

    @property
    def licence(self) -> str:
        """Licence of the weights."""
        ...

    @property
    def learns(self) -> bool:
        """`fit` learns from the rows it is given; where it does not, features are the same whatever rows were
        fitted on, and need making once.
        """
        ...

    def fit(self, cells: Any, rows: Rows) -> None:
        """Learn from the given training rows; nothing to do for a pretrained encoder."""
        ...

    def encode(self, cells: Any, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order."""
        ...

    def save(self, directory: Path) -> None:
        """Write all that `load_encoder` needs into `directory`."""
        ...


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that makes tokens too: grid cells, word pieces, frames."""

    @property
    def token_width(self) -> int:
        """D of a position."""
        ...

    @property
    def token_fingerprint(self) -> str:
        """`fingerprint` of the tokens."""
        ...

    def encode_tokens(self, cells: Any, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order, with `tokens`."""
        ...


def features_of(
    encoder: Encoder, cells: Any, rows: Rows, *, cache: FeatureCache | None, tokens: bool
) -> FeatureTable:
    """Features of the given rows, in their order; with tokens where they are asked for and the encoder makes them."""
    if tokens and isinstance(encoder, TokenEncoder):
        return encoder.encode_tokens(cells, rows, cache=cache)
    return encoder.encode(cells, rows, cache=cache)


def token_features(encoder: Encoder, cells: Any, rows: Rows, *, cache: FeatureCache | None) -> FeatureTable:
    """The same with tokens of any encoder: of one that makes none, its pooled features are the only token of a row."""
    table = features_of(encoder, cells, rows, cache=cache, tokens=True)
    if table.tokens is not None:
        return table
    return replace(table, tokens=VectorTokens(table.rows, np.arange(len(table))))


def source_name(encoder: Encoder) -> str:
    """Name of the encoder's source: `text:lexical`."""
    return f"{encoder.modality}:{encoder.name}"
