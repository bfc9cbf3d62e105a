"""Words as features by a file of word vectors: the mean of the vectors of a text's known words.

Words are those of the lexical encoder. In a script without spaces the longest known word is taken from the left, then
the next (forward maximum matching), so that Chinese needs no other segmenter. A word is looked up as it is written,
then in lower case.

What is kept and saved is the vocabulary of the training rows and the most frequent words of the file: a word that is in
neither is unknown, in training as in the saved model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import TextCells
from motet.data.scripts import UNSPACED
from motet.encoders.cache import FLOAT16_MAX, FeatureCache
from motet.encoders.features import ArrayRows, FeatureTable
from motet.encoders.licences import NOT_STATED
from motet.encoders.word_file import WordFile
from motet.errors import EncoderError

Rows = npt.NDArray[np.int64]
Half = npt.NDArray[np.float16]
KIND = "word-vectors"
FREQUENT = 50_000
_RUNS = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]")
_LONGEST = 12  # characters of a word without spaces
_WINDOW = 256  # texts whose words' vectors are in memory at one time


def words_of(text: str, known: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the known words of a text in order, as they stand in `known`; None for each that is not known.

    Of an unspaced stretch that no known word begins, one character is passed over as unknown.
    """
    for run in _RUNS.findall(text):
        if not _UNSPACED_RUN.match(run):
            yield run if run in known else run.casefold() if run.casefold() in known else None
            continue
        at = 0
        while at < len(run):
            lengths = range(min(_LONGEST, len(run) - at), 0, -1)
            length = next((n for n in lengths if run[at : at + n] in known), 0)
            yield run[at : at + length] if length else None
            at += max(1, length)


class WordVectorsEncoder:
    """The mean of the vectors of known words; learns which words it keeps from the training rows.

    Parameters
    ----------
    path : a word2vec file (text or binary), GloVe, or fastText's .vec; read when `fit` first needs it.
    frequent : how many of the file's first words are kept beside those of the training rows.
    """

    modality = "text"
    licence = NOT_STATED
    learns = True

    def __init__(self, path: Path | str, *, frequent: int = FREQUENT) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise EncoderError(f"no file of word vectors at {self.path}")
        self.name = _name_of(self.path)
        self.frequent = frequent
        self.coverage = 0.0  # share of the training rows' words that are known
        self._file: WordFile | None = None
        self._at: dict[str, int] = {}
        self._vectors: Half = np.zeros((0, 0), np.float16)
        self._fingerprint = ""

    @property
    def width(self) -> int:
        """D: numbers of a word's vector."""
        return int(self._vectors.shape[1])

    @property
    def fingerprint(self) -> str:
        """Hash of the kept words and their vectors."""
        if not self._fingerprint:
            digest = hashlib.blake2b(b"word vectors 1", digest_size=16)
            digest.update("\0".join(self._at).encode())
            digest.update(np.ascontiguousarray(self._vectors).tobytes())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def fit(self, cells: TextCells, rows: Rows) -> None:
        """Keep the words of the training rows and the most frequent ones; EncoderError where no word is known."""
        if self._file is None:
            self._file = WordFile(self.path)
        known = self._file.words
        used: set[str] = set()
        count = found = 0
        for text in _texts(cells, rows[cells.present[rows]]):
            words = list(words_of(text, known))
            count += len(words)
            here = [word for word in words if word is not None]
            found += len(here)
            used.update(here)
        if not used:
            raise EncoderError(f"{self.path}: none of the words of the training rows has a vector there")
        self.coverage = found / count
        kept = [word for place, word in enumerate(known) if place < self.frequent or word in used]
        self._vectors = self._gathered(self._file, kept)
        self._at = {word: place for place, word in enumerate(kept)}
        self._fingerprint = ""

    def encode(self, cells: TextCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows [N, D], in their order; not cached: they depend on the training rows.

        A text without any known word is present, and zero.
        """
        pooled = np.zeros((len(rows), self.width), np.float16)
        for start in range(0, len(rows), _WINDOW):
            texts = cells.take(rows[start : start + _WINDOW])
            pooled[start : start + len(texts)] = self.transform(texts)
        return FeatureTable(ArrayRows(pooled), cells.present[rows])

    def transform(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mean vector of the known words of each text, [n, D] float32."""
        places = [[self._at[w] for w in words_of(text, self._at) if w is not None] for text in texts]
        made = np.zeros((len(texts), self.width), np.float32)
        for row, mine in enumerate(places):
            if mine:
                made[row] = self._vectors[mine].mean(axis=0, dtype=np.float32)
        return made

    def save(self, directory: Path) -> None:
        """Write `words.json`, `vectors.safetensors` (float16) and `encoder.json`."""
        from safetensors.numpy import save_file

        words = json.dumps(list(self._at), ensure_ascii=False)
        (directory / "words.json").write_text(words, encoding="utf-8")
        save_file({"vectors": self._vectors}, directory / "vectors.safetensors")
        described = {
            "kind": KIND,
            "name": self.name,
            "modality": self.modality,
            "width": self.width,
            "file": self.path.name,
            "words": len(self._at),
            "coverage": round(self.coverage, 4),
            "licence": self.licence,
        }
        (directory / "encoder.json").write_text(
            json.dumps(described, indent=1, ensure_ascii=False), encoding="utf-8"
        )

    @classmethod
    def load(cls, directory: Path) -> WordVectorsEncoder:
        """Read what `save` wrote; such an encoder answers, and cannot be fitted again."""
        from safetensors.numpy import load_file

        described = json.loads((directory / "encoder.json").read_text(encoding="utf-8"))
        encoder = cls.__new__(cls)
        encoder.path = Path(described["file"])
        encoder.name = described["name"]
        encoder.frequent = FREQUENT
        encoder.coverage = described["coverage"]
        encoder._file = None
        encoder._vectors = load_file(directory / "vectors.safetensors")["vectors"]
        words = json.loads((directory / "words.json").read_text(encoding="utf-8"))
        encoder._at = {word: place for place, word in enumerate(words)}
        encoder._fingerprint = ""
        return encoder

    def _gathered(self, file: WordFile, words: Sequence[str]) -> Half:
        """Vectors [n, D] of words: those that an earlier fit kept are not read again."""
        made = np.empty((len(words), file.width), np.float16)
        old = np.array([self._at.get(word, -1) for word in words], np.int64)
        if self._at:
            made[old >= 0] = self._vectors[old[old >= 0]]
        fresh = np.flatnonzero(old < 0)
        for start in range(0, len(fresh), 1 << 14):
            some = fresh[start : start + (1 << 14)]
            read = file.vectors([words[place] for place in some])
            made[some] = np.clip(read, -FLOAT16_MAX, FLOAT16_MAX)
        return made


def _texts(cells: TextCells, rows: Rows) -> Iterable[str]:
    return (text for start in range(0, len(rows), 8192) for text in cells.take(rows[start : start + 8192]))


def _name_of(path: Path) -> str:
    """The file's name without its ending: `cc.zh.300.vec` is `cc.zh.300`."""
    name = path.name
    for ending in (".vec", ".txt", ".bin", ".w2v", ".vectors"):
        name = name.removesuffix(ending)
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower()) or KIND
