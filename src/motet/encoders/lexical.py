"""Words as features without a neural network: TF-IDF over word and character n-grams.

Two blocks side by side, each of unit length: single words and pairs of neighbours, and character n-grams
inside words. An unspaced script (Chinese, Japanese, Korean) is read character by character: each is a word,
pairs of neighbours are word pairs, and the character n-grams run through the whole unspaced stretch. Nothing
depends on spaces.

Term weight: (1 + ln tf) * (1 + ln((1 + n) / (1 + df))), the smoothed form of scikit-learn's `TfidfVectorizer`
(Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988).

Memory does not grow with the texts: terms are counted within a limit (`DocumentCounts`), and features are joined
as they are made.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import TextCells
from motet.data.scripts import UNSPACED
from motet.encoders.cache import FeatureCache
from motet.encoders.features import FeatureTable
from motet.encoders.sparse import SparseRows
from motet.errors import EncoderError

_RUNS = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]")
CHARACTER_LENGTHS = range(2, 6)
REMEMBERED = 3_000_000  # terms of runs that are kept, so that a frequent word is not cut up each time
LONGEST_REMEMBERED = (
    32  # characters of a run: longer ones are sentences without spaces, and seldom come again
)
COUNTED = 2_000_000  # terms of one block that are counted at once
FIT_ROWS = 100_000
WINDOW = 8192

Rows = npt.NDArray[np.int64]


def runs_of(text: str) -> list[str]:
    """The text, case-folded, as stretches of letters and digits: a word, or all of an unspaced stretch."""
    return _RUNS.findall(text.casefold())


def word_terms(runs: Sequence[str]) -> list[str]:
    """Words and pairs of neighbouring words; every character of an unspaced stretch is a word."""
    words: list[str] = []
    for run in runs:
        if _UNSPACED_RUN.match(run):
            words.extend(run)
        else:
            words.append(run)
    return words + [f"{left} {right}" for left, right in pairwise(words)]


def character_terms(run: str) -> list[str]:
    """Character n-grams (2 to 5) of one stretch with a space at either end, as scikit-learn's `char_wb`."""
    padded = f" {run} "
    return [padded[i : i + n] for n in CHARACTER_LENGTHS for i in range(len(padded) - n + 1)]


class DocumentCounts:
    """In how many documents each term stands, for at most `limit` terms at once.

    Where there are more, the terms of fewest documents are forgotten until half the limit is left (lossy counting:
    Manku & Motwani, "Approximate frequency counts over data streams", 2002). Up to the limit the counts are exact;
    beyond it, that of a term may be short by `short` at most, which only terms of few documents feel. What is
    forgotten follows from the texts and their order alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self.short = 0

    def add(self, terms: Iterable[str]) -> None:
        """Count one document, each of whose terms is given once."""
        self.counts.update(terms)
        if len(self.counts) <= self.limit:
            return
        least = 0
        while len(self.counts) > self.limit // 2:
            least += 1
            self.counts = Counter({term: n for term, n in self.counts.items() if n > least})
        self.short += least

    def most_common(self, number: int) -> list[str]:
        """Terms in at least two documents (in one, where there is no other), most documents first, by name."""
        least = 2 if any(count > 1 for count in self.counts.values()) else 1
        kept = ((-count, term) for term, count in self.counts.items() if count >= least)
        return [term for _, term in heapq.nsmallest(number, kept)]


class LexicalEncoder:
    """TF-IDF over word and character n-grams; learns its vocabulary from training rows.

    Parameters
    ----------
    words, characters : how many terms each block keeps at most, those in most documents first.
    """

    name = "lexical"
    modality = "text"
    licence = "Apache-2.0"
    learns = True

    def __init__(self, *, words: int = 8192, characters: int = 8192) -> None:
        self.words = words
        self.characters = characters
        self._word_at: dict[str, int] = {}
        self._character_at: dict[str, int] = {}
        self._idf = np.zeros(0, np.float32)

    @property
    def width(self) -> int:
        """D: number of terms."""
        return len(self._idf)

    @property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and its weights: two that are equal give equal features."""
        digest = hashlib.blake2b(b"lexical 1", digest_size=16)
        digest.update("\0".join([*self._word_at, "", *self._character_at]).encode())
        digest.update(self._idf.tobytes())
        return digest.hexdigest()

    def fit(self, cells: TextCells, rows: Rows) -> None:
        """Learn the vocabulary from the present texts of the training rows (an even 100,000 at most)."""
        rows = rows[cells.present[rows]]
        self.learn(_texts(cells, rows[:: max(1, -(-len(rows) // FIT_ROWS))]))

    def encode(self, cells: TextCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Sparse features of the given rows, in their order; not cached: they depend on the training rows."""
        return FeatureTable(self.transform(_texts(cells, rows)), cells.present[rows])

    def learn(self, texts: Iterable[str]) -> LexicalEncoder:
        """Learn terms and their document frequencies from texts."""
        word_documents, character_documents = DocumentCounts(COUNTED), DocumentCounts(COUNTED)
        of_run: dict[str, list[str]] = {}
        remembered = 0
        n = 0
        for text in texts:
            runs = runs_of(text)
            n += 1
            word_documents.add(set(word_terms(runs)))
            terms: set[str] = set()
            for run in set(runs):
                found = of_run.get(run)
                if found is None:
                    found = character_terms(run)
                    if len(run) <= LONGEST_REMEMBERED:
                        if remembered >= REMEMBERED:
                            of_run.clear()
                            remembered = 0
                        of_run[run] = found
                        remembered += len(found)
                terms.update(found)
            character_documents.add(terms)
        words = word_documents.most_common(self.words)
        characters = character_documents.most_common(self.characters)
        if not words and not characters:
            raise EncoderError("lexical: no text of the training rows holds a letter or a digit")
        self._word_at = {term: i for i, term in enumerate(words)}
        self._character_at = {term: len(words) + i for i, term in enumerate(characters)}
        counts = [word_documents.counts[t] for t in words]
        counts += [character_documents.counts[t] for t in characters]
        self._idf = (1 + np.log((1 + n) / (1 + np.asarray(counts, np.float64)))).astype(np.float32)
        return self

    def transform(self, texts: Iterable[str]) -> SparseRows:
        """Sparse features of each text: [N, D], each block of unit length where it has any known term."""
        of_run: dict[str, npt.NDArray[np.int32]] = {}
        lengths = [0]
        columns, values = _Joined(np.int32), _Joined(np.float32)
        for text in texts:
            row_columns, row_values = self._row(text, of_run)
            lengths.append(len(row_columns))
            columns.add(row_columns)
            values.add(row_values)
        return SparseRows(np.cumsum(lengths), columns.whole(), values.whole(), self.width)

    def _row(
        self, text: str, of_run: dict[str, npt.NDArray[np.int32]]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Columns, ascending, and values of one text; `of_run` remembers the terms of short runs."""
        runs = runs_of(text)
        found = [np.fromiter(self._lookup(word_terms(runs), self._word_at), np.int32)]
        for run in runs:
            known = of_run.get(run)
            if known is None:
                known = np.fromiter(self._lookup(character_terms(run), self._character_at), np.int32)
                if len(run) <= LONGEST_REMEMBERED:
                    if (
                        len(of_run) >= REMEMBERED // 16
                    ):  # beside an array's own size, its few numbers weigh little
                        of_run.clear()
                    of_run[run] = known
            found.append(known)
        columns, counts = np.unique(np.concatenate(found), return_counts=True)
        values = (1 + np.log(counts)).astype(np.float32) * self._idf[columns]
        split = int(np.searchsorted(columns, len(self._word_at)))
        for block in (values[:split], values[split:]):
            block /= max(float(np.linalg.norm(block)), 1e-12)
        return columns, values

    def save(self, directory: Path) -> None:
        """Write `vocabulary.json`."""
        vocabulary = {
            "words": list(self._word_at),
            "characters": list(self._character_at),
            "idf": [float(f"{value:.9g}") for value in self._idf],
        }
        text = json.dumps(vocabulary, ensure_ascii=False)
        (directory / "vocabulary.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> LexicalEncoder:
        """Read what `save` wrote."""
        vocabulary = json.loads((directory / "vocabulary.json").read_text(encoding="utf-8"))
        encoder = cls(words=len(vocabulary["words"]), characters=len(vocabulary["characters"]))
        encoder._word_at = {term: i for i, term in enumerate(vocabulary["words"])}
        boundary = len(encoder._word_at)
        encoder._character_at = {term: boundary + i for i, term in enumerate(vocabulary["characters"])}
        encoder._idf = np.asarray(vocabulary["idf"], np.float32)
        return encoder

    @staticmethod
    def _lookup(terms: Iterable[str], at: dict[str, int]) -> Iterable[int]:
        return (at[term] for term in terms if term in at)


def _texts(cells: TextCells, rows: Rows) -> Iterable[str]:
    return (text for i in range(0, len(rows), WINDOW) for text in cells.take(rows[i : i + WINDOW]))


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
