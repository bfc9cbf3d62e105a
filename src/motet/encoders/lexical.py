"""Words as features without a neural network: TF-IDF over word and character n-grams.

Two blocks side by side, each of unit length: single words and pairs of neighbours, and character n-grams
inside words (`lexical_terms.py`).

Term weight: (1 + ln tf) * (1 + ln((1 + n) / (1 + df))), the smoothed form of scikit-learn's `TfidfVectorizer`
(Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988).

Memory does not grow with the texts: terms are counted within a limit (`DocumentCounts`), and features are joined
as they are made. The terms of a table that is learned from are remembered, up to a limit, for the folds to come
(`RememberedTexts`); beyond it each text is read anew, with equal results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from motet.data import TextCells
from motet.encoders.cache import FeatureCache
from motet.encoders.features import FeatureTable
from motet.encoders.lexical_counts import LONGEST_REMEMBERED, TermReader, count_terms, join, tf_idf
from motet.encoders.lexical_documents import DocumentCounts
from motet.encoders.lexical_remembered import RememberedTexts
from motet.encoders.lexical_terms import character_terms, runs_of, word_terms
from motet.encoders.sparse import SparseRows
from motet.errors import EncoderError

REMEMBERED = 3_000_000  # terms of runs that are kept, so that a frequent word is not cut up each time
COUNTED = 2_000_000  # terms of one block that are counted at once
FIT_ROWS = 100_000
WINDOW = 8192

Rows = npt.NDArray[np.int64]


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
        # Shared by shallow copies, which learn from other rows of the same table; gone when the table is.
        self._remembered: WeakKeyDictionary[TextCells, RememberedTexts] = WeakKeyDictionary()

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
        rows = rows[:: max(1, -(-len(rows) // FIT_ROWS))]
        if cells not in self._remembered:
            self._remembered[cells] = RememberedTexts(len(cells))
        remembered = self._remembered[cells]
        if remembered.add(cells, rows):
            self._keep(*remembered.most_common(rows, self.words, self.characters), len(rows))
        else:
            self.learn(_texts(cells, rows))

    def encode(self, cells: TextCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Sparse features of the given rows, in their order; not cached: they depend on the training rows."""
        remembered = self._remembered.get(cells)
        if remembered is not None and remembered.add(cells, rows):
            made = remembered.features(rows, self._word_at, self._character_at, self._idf)
        else:
            made = self.transform(_texts(cells, rows))
        return FeatureTable(made, cells.present[rows])

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
        self._keep(
            word_documents.most_common(self.words), character_documents.most_common(self.characters), n
        )
        return self

    def transform(self, texts: Iterable[str]) -> SparseRows:
        """Sparse features of each text: [N, D], each block of unit length where it has any known term."""
        reader = TermReader(self._word_at.get, self._character_at.get)
        counted = count_terms(texts, reader, self.width)
        return join((tf_idf(few, self._idf, len(self._word_at)) for few in counted), self.width)

    def _keep(self, words: Mapping[str, int], characters: Mapping[str, int], n: int) -> None:
        """Take these terms, each with the number of documents that hold it, of `n`."""
        if not words and not characters:
            raise EncoderError("lexical: no text of the training rows holds a letter or a digit")
        self._word_at = {term: i for i, term in enumerate(words)}
        self._character_at = {term: len(words) + i for i, term in enumerate(characters)}
        counts = np.array([*words.values(), *characters.values()], np.float64)
        self._idf = (1 + np.log((1 + n) / (1 + counts))).astype(np.float32)

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


def _texts(cells: TextCells, rows: Rows) -> Iterable[str]:
    return (text for i in range(0, len(rows), WINDOW) for text in cells.take(rows[i : i + WINDOW]))
