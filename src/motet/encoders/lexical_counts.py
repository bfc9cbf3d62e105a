"""How often each term stands in each text: terms as numbers, counted for many texts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.encoders.lexical_terms import character_terms, runs_of, word_terms
from motet.encoders.sparse import SparseRows

REMEMBERED = 200_000  # runs whose terms are kept, so that a frequent word is not cut up each time
LONGEST_REMEMBERED = (
    32  # characters of a run: longer ones are sentences without spaces, and seldom come again
)
BATCH = 1 << 16  # terms that are sorted together: as many fit a core's cache

Numbers = npt.NDArray[np.int32]


class TermReader:
    """A text as the numbers of its terms, each as often as it stands there.

    word, character : the number of a term of either block, None for one to leave out.
    """

    def __init__(self, word: Callable[[str], int | None], character: Callable[[str], int | None]) -> None:
        self._word = word
        self._character = character
        self._of_run: dict[str, Numbers] = {}

    def read(self, text: str) -> list[Numbers]:
        """Numbers of the terms of one text, in pieces."""
        runs = runs_of(text)
        pieces = [_numbers(self._word, word_terms(runs))]
        for run in runs:
            known = self._of_run.get(run)
            if known is None:
                known = _numbers(self._character, character_terms(run))
                if len(run) <= LONGEST_REMEMBERED:
                    if len(self._of_run) >= REMEMBERED:
                        self._of_run.clear()
                    self._of_run[run] = known
            pieces.append(known)
        return pieces


def count_terms(texts: Iterable[str], reader: TermReader, width: int = 0) -> Iterator[SparseRows]:
    """Yield the counts of the terms of a few texts at a time: columns are terms, ascending, values how often."""
    pieces: list[Numbers] = []
    lengths: list[int] = []
    waiting = 0
    for text in texts:
        read = reader.read(text)
        pieces += read
        lengths.append(sum(map(len, read)))
        waiting += lengths[-1]
        if waiting >= BATCH:
            yield _counted(np.concatenate(pieces), lengths, width)
            pieces, lengths, waiting = [], [], 0
    if lengths:
        yield _counted(np.concatenate(pieces), lengths, width)


def tf_idf(counts: SparseRows, idf: npt.NDArray[np.float32], boundary: int) -> SparseRows:
    """Weights of counted terms: (1 + ln tf) * idf, the columns before `boundary` and the others each of unit length."""
    values = (1 + np.log(counts.values, dtype=np.float64)).astype(np.float32) * idf[counts.columns]
    row = np.repeat(np.arange(len(counts)), np.diff(counts.start))
    block = 2 * row + (counts.columns >= boundary)
    # Not `reduceat`: a sum in order, whatever stands beside it, so that a text's features are its own.
    squares = np.bincount(block, np.square(values, dtype=np.float64), 2 * len(counts))
    values /= np.maximum(np.sqrt(squares), 1e-12).astype(np.float32)[block]
    return SparseRows(counts.start, counts.columns, values, counts.width)


def by_column(rows: SparseRows) -> SparseRows:
    """The same rows, the columns of each ascending."""
    row = np.repeat(np.arange(len(rows)), np.diff(rows.start))
    order = np.argsort((row << 32) | rows.columns)
    return SparseRows(rows.start, rows.columns[order], rows.values[order], rows.width)


class JoinedRows:
    """Sparse rows that come a few at a time, in arrays that grow in place: they are never twice in memory."""

    def __init__(self) -> None:
        self._lengths: list[npt.NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._columns = _Joined(np.int32)
        self._values = _Joined(np.float32)

    def add(self, rows: SparseRows) -> None:
        """Append these rows."""
        self._lengths.append(np.diff(rows.start))
        self._columns.add(rows.columns)
        self._values.add(rows.values)

    def whole(self, width: int) -> SparseRows:
        """All rows that were added, in order; to be let go before more are added."""
        self._lengths = [np.concatenate(self._lengths)]
        return SparseRows(np.cumsum(self._lengths[0]), self._columns.whole(), self._values.whole(), width)


def join(parts: Iterable[SparseRows], width: int) -> SparseRows:
    """The rows of all parts, one part after the other."""
    joined = JoinedRows()
    for part in parts:
        joined.add(part)
    return joined.whole(width)


class _Joined:
    """Many small arrays become one, which grows as they come and is never twice in memory."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._all: npt.NDArray[Any] = np.zeros(0, dtype)
        self._length = 0

    def add(self, row: npt.NDArray[Any]) -> None:
        end = self._length + len(row)
        if end > len(self._all):
            # By an eighth: the system moves pages of a large array instead of copying them, so growing is cheap.
            self._all.resize(max(end, len(self._all) * 9 // 8), refcheck=False)
        self._all[self._length : end] = row
        self._length = end

    def whole(self) -> npt.NDArray[Any]:
        """All that was added, in order."""
        self._all.resize(self._length, refcheck=False)
        return self._all


def _numbers(number: Callable[[str], int | None], terms: Iterable[str]) -> Numbers:
    return np.array([n for n in map(number, terms) if n is not None], np.int32)


def _counted(terms: Numbers, lengths: list[int], width: int) -> SparseRows:
    """Counts of terms that stand one text after the other, lengths[i] of text i."""
    keys = (np.repeat(np.arange(len(lengths)), lengths) << 32) | terms
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(np.append(first, len(keys))).astype(np.float32)
    keys = keys[first]
    start = np.searchsorted(keys, np.arange(len(lengths) + 1) << 32)
    return SparseRows(start, (keys & 0xFFFFFFFF).astype(np.int32), counts, width)
