"""What encoders make of rows, and what fusion reads: the types between the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue
from motet.encoders.cache import Places, Shelf
from motet.encoders.segments import ranges
from motet.encoders.tokens import TokenRows

Array = TypeVar("Array")  # numpy.ndarray in the running wing, torch.Tensor in the learning wing
Rows = npt.NDArray[np.int64]
Float = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Features(Generic[Array]):
    """Features of one source for a batch of B rows.

    pooled  [B, D] float: one vector a row.
    present [B] bool: False where the row has nothing of this modality. Numbers of such a row are never
            looked at: filling them with NaN changes no output.
    tokens  [B, T, D] float, mask [B, T] bool: only where asked for (grid cells, word pieces).
    """

    pooled: Array
    present: Array
    tokens: Array | None = None
    mask: Array | None = None


class PooledRows(Protocol):
    """N rows of pooled features that need not be in memory as one array."""

    @property
    def width(self) -> int:
        """D."""
        ...

    def __len__(self) -> int: ...

    def dense(self, rows: Rows) -> Float:
        """The given rows as [B, D] float32."""
        ...


@dataclass(frozen=True)
class ArrayRows:
    """Pooled features held as one array [N, D]."""

    values: npt.NDArray[np.floating]

    @property
    def width(self) -> int:
        """D."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def dense(self, rows: Rows) -> Float:
        """The given rows as [B, D] float32."""
        return self.values[rows].astype(np.float32, copy=False)


@dataclass(frozen=True)
class ShelfRows:
    """Pooled features that stay on a cache's shelf: row i is the mean of its cells places[start[i]:start[i+1]]."""

    shelf: Shelf
    places: Places
    start: Rows

    @property
    def width(self) -> int:
        """D."""
        return self.shelf.width

    def __len__(self) -> int:
        return len(self.start) - 1

    def dense(self, rows: Rows) -> Float:
        """The given rows as [B, D] float32; a row without cells is zero."""
        counts = np.diff(self.start)[rows]
        if (counts == 1).all():
            at = self.start[rows]
            return self.shelf.take(Places(self.places.segment[at], self.places.row[at])).astype(np.float32)
        at = ranges(self.start[rows], counts)
        cells = self.shelf.take(Places(self.places.segment[at], self.places.row[at])).astype(np.float32)
        pooled = np.zeros((len(rows), self.width), np.float32)
        np.add.at(pooled, np.repeat(np.arange(len(rows)), counts), cells)
        pooled /= np.maximum(counts, 1)[:, None]
        return pooled


@dataclass(frozen=True)
class PartRows:
    """Some of the rows of others: row i is row at[i] of `whole`."""

    whole: PooledRows
    at: Rows

    @property
    def width(self) -> int:
        """D."""
        return self.whole.width

    def __len__(self) -> int:
        return len(self.at)

    def dense(self, rows: Rows) -> Float:
        """The given rows as [B, D] float32."""
        return self.whole.dense(self.at[rows])


@dataclass(frozen=True)
class VectorTokens:
    """N rows of one position each, their pooled features: what is read of an encoder that makes no tokens."""

    vectors: PooledRows
    at: Rows

    @property
    def width(self) -> int:
        """D of a position."""
        return self.vectors.width

    def __len__(self) -> int:
        return len(self.at)

    def dense(self, rows: Rows) -> tuple[Float, Bool]:
        """The given rows as tokens [B, 1, D] float32 and mask [B, 1]."""
        return self.vectors.dense(self.at[rows])[:, None], np.ones((len(rows), 1), bool)

    def part(self, rows: Rows) -> VectorTokens:
        """The given rows as rows of their own; nothing is copied."""
        return VectorTokens(self.vectors, self.at[rows])


@dataclass(frozen=True)
class FeatureTable:
    """Features of one source for all rows of a table (or a part of it).

    rows: pooled features of N rows; present [N] bool; issues: cells that turned out to be broken while encoding;
    tokens: of the same rows, where they were asked for and the encoder makes them.
    """

    rows: PooledRows
    present: Bool
    issues: tuple[CellIssue, ...] = field(default=(), repr=False)
    tokens: TokenRows | None = None

    @property
    def width(self) -> int:
        """D."""
        return self.rows.width

    def __len__(self) -> int:
        return len(self.present)

    def part(self, rows: Rows) -> FeatureTable:
        """The given rows as a table of their own; nothing is copied."""
        tokens = None if self.tokens is None else self.tokens.part(rows)
        return FeatureTable(PartRows(self.rows, rows), self.present[rows], tokens=tokens)
