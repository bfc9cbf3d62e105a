"""Tokens of rows: the grid cells, patches, word pieces or frames that a network makes, beside its pooled features.

They are ragged: a cell keeps as many positions as it has, at most MOST_TOKENS, and nothing is padded before a batch
is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from motet.encoders.cache import Places, Shelf
from motet.encoders.segments import ranges

Rows = npt.NDArray[np.int64]
Float = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
MOST_TOKENS = 320  # of a cell: neighbours of more are averaged (30 s of sound are 1,500 frames)
MOST_OF_A_ROW = 1024  # of a row of several pictures or sounds: those of the last are left out


class TokenRows(Protocol):
    """Tokens of N rows, any number of positions each, that need not be in memory as one array."""

    @property
    def width(self) -> int:
        """D of a position."""
        ...

    def __len__(self) -> int: ...

    def dense(self, rows: Rows) -> tuple[Float, Bool]:
        """The given rows as tokens [B, T, D] float32, zero where padded, and mask [B, T]; T is at least 1."""
        ...

    def part(self, rows: Rows) -> TokenRows:
        """The given rows as rows of their own; nothing is copied."""
        ...


@dataclass(frozen=True)
class ShelfTokens:
    """Tokens that stay on a cache's shelf: row i is its cells places[start[i]:start[i] + counts[i]], joined."""

    shelf: Shelf
    places: Places
    start: Rows
    counts: Rows

    @property
    def width(self) -> int:
        """D of a position."""
        return self.shelf.width

    def __len__(self) -> int:
        return len(self.start)

    def dense(self, rows: Rows) -> tuple[Float, Bool]:
        """The given rows as tokens [B, T, D] float32, zero where padded, and mask [B, T]; T is at least 1."""
        counts = self.counts[rows]
        at = ranges(self.start[rows], counts)
        cells = self.shelf.take_tokens(Places(self.places.segment[at], self.places.row[at]))
        ends = np.cumsum(counts)
        of_row = [cells[end - count : end] for end, count in zip(ends, counts, strict=True)]
        lengths = np.array([min(sum(map(len, own)), MOST_OF_A_ROW) for own in of_row], np.int64)
        longest = int(lengths.max(initial=1))
        tokens = np.zeros((len(rows), longest, self.width), np.float32)
        for row, own in enumerate(of_row):
            begin = 0
            for cell in own:
                tokens[row, begin : begin + len(cell)] = cell[: max(0, longest - begin)]
                begin += len(cell)
        return tokens, np.arange(longest) < lengths[:, None]

    def part(self, rows: Rows) -> ShelfTokens:
        """The given rows as rows of their own; nothing is copied."""
        return ShelfTokens(self.shelf, self.places, self.start[rows], self.counts[rows])


def bounded(tokens: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Tokens [T, D] of a cell, as many neighbours averaged as leave at most MOST_TOKENS."""
    if len(tokens) <= MOST_TOKENS:
        return tokens
    begin = np.arange(0, len(tokens), -(-len(tokens) // MOST_TOKENS))
    counts = np.diff(np.append(begin, len(tokens)))
    means: npt.NDArray[np.floating] = np.add.reduceat(tokens, begin, axis=0) / counts[:, None]
    return means
