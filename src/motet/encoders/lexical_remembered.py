"""Texts whose terms were counted once: vocabularies of many choices of rows, and their features, without reading again.

While a model is trained, the lexical encoder learns from all rows and from those of each fold, and encodes all rows
each time. The n-grams of a text are the same each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

from motet.data import TextCells
from motet.encoders.lexical_counts import JoinedRows, TermReader, by_column, count_terms, join, tf_idf
from motet.encoders.sparse import SparseRows

Rows = npt.NDArray[np.int64]
MOST_COUNTS = 1 << 25  # remembered counts, 256 MB: 20,000 to 30,000 texts of 90 words
MOST_TERMS = 1 << 20  # remembered terms, some 160 MB; far fewer than `DocumentCounts` would forget any of
WINDOW = 1 << 18  # counts that are looked up at one time


class RememberedTexts:
    """Counted terms of the texts of one table, up to a limit.

    Of words the numbers are even, of character n-grams odd: both blocks grow as texts come, and stand side by side.

    Parameters
    ----------
    number : N, texts of the table. most_counts, most_terms : beyond either, nothing is remembered at all.
    """

    def __init__(self, number: int, *, most_counts: int = MOST_COUNTS, most_terms: int = MOST_TERMS) -> None:
        self._most_counts, self._most_terms = most_counts, most_terms
        self._number = number
        self._forget()
        self._too_many = False

    def add(self, cells: TextCells, rows: Rows) -> bool:
        """Count the texts of these rows that were not counted yet; whether all could be remembered."""
        new = np.unique(rows[self._place[rows] < 0])
        windows = [new[i : i + 1024] for i in range(0, len(new), 1024)]
        texts = (text for window in windows for text in cells.take(window))
        for batch in () if self._too_many else count_terms(texts, self._reader):
            self._rows.add(batch)
            self._place[new[: len(batch)]] = np.arange(len(batch)) + self._texts
            new = new[len(batch) :]
            self._texts += len(batch)
            self._counts += len(batch.columns)
            terms = len(self._words) + len(self._characters)
            if self._counts > self._most_counts or terms > self._most_terms:
                self._too_many = True
                self._forget()
                break
        return not self._too_many

    def most_common(self, rows: Rows, words: int, characters: int) -> tuple[dict[str, int], dict[str, int]]:
        """Of each block the terms in most of these rows, and in how many, as `DocumentCounts.most_common`."""
        documents = np.zeros(self._width, np.int64)
        for part in self._parts(rows):
            documents += np.bincount(part.columns, minlength=self._width)
        return (
            _most_common(list(self._words), documents[::2], words),
            _most_common(list(self._characters), documents[1::2], characters),
        )

    def features(
        self,
        rows: Rows,
        word_at: Mapping[str, int],
        character_at: Mapping[str, int],
        idf: npt.NDArray[np.float32],
    ) -> SparseRows:
        """TF-IDF of these rows: term t of a block in column at[t], which weighs idf[at[t]]."""
        column = np.full(self._width, -1, np.int32)
        for number, at in ((self._words, word_at), (self._characters, character_at)):
            column[[number[term] for term in at]] = list(at.values())

        def made() -> Iterator[SparseRows]:
            for part in self._parts(rows):
                columns = column[part.columns]
                known = columns >= 0
                start = np.concatenate([[0], np.cumsum(known)])[part.start]
                kept = SparseRows(start, columns[known], part.values[known], len(idf))
                yield tf_idf(by_column(kept), idf, len(word_at))

        return join(made(), len(idf))

    @property
    def _width(self) -> int:
        return 2 * max(len(self._words), len(self._characters))

    def _parts(self, rows: Rows) -> Iterator[SparseRows]:
        """Counts of these rows, a window after the other."""
        whole = self._rows.whole(self._width)
        places = self._place[rows]
        window = np.cumsum(np.diff(whole.start)[places]) // WINDOW
        for part in np.split(places, np.flatnonzero(np.diff(window)) + 1):
            yield whole.take(part)

    def _forget(self) -> None:
        self._place = np.full(self._number, -1)
        self._texts = self._counts = 0
        self._rows = JoinedRows()
        self._words: defaultdict[str, int] = defaultdict(count(0, 2).__next__)
        self._characters: defaultdict[str, int] = defaultdict(count(1, 2).__next__)
        self._reader = TermReader(self._words.__getitem__, self._characters.__getitem__)


def _most_common(names: Sequence[str], documents: npt.NDArray[np.int64], number: int) -> dict[str, int]:
    """Documents [T or more] of the terms in most of them, most first, then by name."""
    found = np.flatnonzero(documents >= (2 if (documents > 1).any() else 1))
    if len(found) > number:
        least = np.partition(documents[found], -number)[-number] if number else 0
        found = found[documents[found] >= least]
    ranked = sorted(zip((-documents[found]).tolist(), (names[i] for i in found.tolist()), strict=True))
    return {name: -count for count, name in ranked[:number]}
