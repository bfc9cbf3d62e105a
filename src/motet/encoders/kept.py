"""Where encoders keep what they made of cells: pooled features on one shelf, tokens on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue
from motet.encoders.cache import FeatureCache, Shelf
from motet.encoders.encoder import Encoder, TokenEncoder
from motet.encoders.features import FeatureTable, ShelfRows
from motet.encoders.segments import Keys
from motet.encoders.tokens import ShelfTokens

Floats = npt.NDArray[np.floating]
Both = tuple[Floats, Floats]  # of one cell: pooled [D] and tokens [T, D]
Cell = TypeVar("Cell")  # what is kept of one cell: its pooled features [D], or both
Given = TypeVar("Given", contravariant=True)  # the same, as a protocol that only takes it must have it
SEGMENT_CELLS = 4096
TOKEN_CELLS = 256  # a cell's tokens are a hundred times the size of its pooled features


class Kept(Protocol[Given]):
    """Where features of cells are kept."""

    @property
    def most(self) -> int:
        """Cells that may wait in memory to be added."""
        ...

    def has(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Which of the cells [N] are there."""
        ...

    def add(self, keys: Keys, cells: Sequence[Given]) -> None:
        """Keep n cells."""
        ...

    def table(
        self, keys: Keys, counts: npt.NDArray[np.int64], issues: Sequence[CellIssue] = ()
    ) -> FeatureTable:
        """Rows of `counts` [N] cells each, one after the other, of these keys."""
        ...


@dataclass(frozen=True)
class PooledKept:
    """Pooled features on their shelf."""

    shelf: Shelf
    most: int = SEGMENT_CELLS

    def has(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Which of the cells [N] are there."""
        return self.shelf.find(keys).found

    def add(self, keys: Keys, cells: Sequence[Floats]) -> None:
        """Keep n cells, pooled [D]."""
        self.shelf.add(keys, cells)

    def table(
        self, keys: Keys, counts: npt.NDArray[np.int64], issues: Sequence[CellIssue] = ()
    ) -> FeatureTable:
        """Rows of `counts` [N] cells each, one after the other, of these keys."""
        start = np.concatenate([[0], np.cumsum(counts)])
        return FeatureTable(ShelfRows(self.shelf, self.shelf.find(keys), start), counts > 0, tuple(issues))


@dataclass(frozen=True)
class TokensKept:
    """Pooled features and tokens, each on a shelf: what was once encoded without tokens is encoded again."""

    pooled: PooledKept
    shelf: Shelf
    most: int = TOKEN_CELLS

    def has(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Which of the cells [N] are there."""
        return self.pooled.has(keys) & self.shelf.find(keys).found

    def add(self, keys: Keys, cells: Sequence[Both]) -> None:
        """Keep n cells, pooled [D] and tokens [T, D]."""
        fresh = ~self.pooled.has(keys)
        self.pooled.add(keys[fresh], [pooled for (pooled, _), new in zip(cells, fresh, strict=True) if new])
        self.shelf.add(keys, [tokens for _, tokens in cells])

    def table(
        self, keys: Keys, counts: npt.NDArray[np.int64], issues: Sequence[CellIssue] = ()
    ) -> FeatureTable:
        """Rows of `counts` [N] cells each, one after the other, of these keys."""
        tokens = ShelfTokens(self.shelf, self.shelf.find(keys), np.cumsum(counts) - counts, counts)
        return replace(self.pooled.table(keys, counts, issues), tokens=tokens)


def pooled_kept(cache: FeatureCache | None, encoder: Encoder) -> PooledKept:
    """Pooled features of an encoder: on disk where there is a cache, else in memory only."""
    if cache is None:
        return PooledKept(Shelf(None, encoder.width))
    called = (encoder.name, encoder.modality)
    return PooledKept(cache.shelf(encoder.fingerprint, encoder.width, called=called))


def tokens_kept(cache: FeatureCache | None, encoder: TokenEncoder) -> TokensKept:
    """Tokens of an encoder and its pooled features: on disk where there is a cache, else in memory only."""
    pooled, width = pooled_kept(cache, encoder), encoder.token_width
    if cache is None:
        return TokensKept(pooled, Shelf(None, width, tokens=True))
    called = (f"{encoder.name}, tokens", encoder.modality)
    return TokensKept(pooled, cache.shelf(encoder.token_fingerprint, width, tokens=True, called=called))
