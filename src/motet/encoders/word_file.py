"""Files of word vectors: word2vec (text and binary), GloVe, fastText's .vec. Looked up by word, never wholly in memory.

Mikolov et al. 2013; Pennington et al. 2014; Bojanowski et al. 2017. The most frequent words come first in all of them.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.errors import EncoderError

MAX_WORDS = 5_000_000
"""Words of a file that are indexed, the first ones: about 150 bytes of memory each."""

_MAX_WIDTH = 4096
_LONGEST_WORD = 1000  # bytes
_REFUSED = (
    (b"\xba\x16\x4f\x2f", "a fastText model: its .vec file holds the vectors"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
    (b"PK\x03\x04", "a ZIP archive: unpack it"),
    (b"BZh", "compressed with bzip2: unpack it"),
    (b"\x80", "a Python pickle, which is never read: save it in the word2vec format"),
)


class WordFile:
    """One file, mapped: `words` says at which byte the numbers of each word begin, in the order of the file.

    Where a word stands twice, the first counts. Raises EncoderError where the file is missing, damaged, truncated or
    of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            raise EncoderError(f"{path} cannot be read as word vectors: {error}") from None
        head = self._data[:8]
        for magic, what in _REFUSED:
            if head.startswith(magic):
                raise EncoderError(f"{path} is {what}")
        begin, self.width = self._layout()
        self.binary = begin > 0 and not self._is_text(begin)
        self.words: dict[str, int] = {}
        if self.binary:
            self._index_binary(begin)
        else:
            self._index_text(begin)
        if not self.words:
            raise EncoderError(f"{path} holds no word vectors")

    def vectors(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return [n, D] float32 of words that are all in the file."""
        made = np.empty((len(words), self.width), np.float32)
        for row, word in enumerate(words):
            made[row] = self._numbers(self.words[word], word)
        return made

    def _layout(self) -> tuple[int, int]:
        """Where the words begin, and the width: by the header of word2vec, else by the first line."""
        end = self._data.find(b"\n", 0, 1 << 17)
        first = self._data[: end if end >= 0 else 1 << 17].strip()
        fields = first.split(b" ")
        if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
            width = int(fields[1][:9])
            begin = end + 1
        else:
            width, begin = len(fields) - 1, 0
            if width < 2 or not _all_numbers(fields[1:]):
                raise EncoderError(
                    f"{self.path} holds no word vectors: give a word2vec file (text or binary), GloVe, or fastText's "
                    ".vec"
                )
        if not 1 <= width <= _MAX_WIDTH:
            raise EncoderError(f"{self.path}: vectors of {width:,} numbers, at most {_MAX_WIDTH:,} are read")
        return begin, width

    def _is_text(self, begin: int) -> bool:
        end = self._data.find(b"\n", begin, begin + (1 << 17))
        line = self._data[begin : end if end >= 0 else begin + (1 << 17)].strip()
        return _all_numbers(line.rsplit(b" ", self.width)[1:]) and line.count(b" ") >= self.width

    def _index_text(self, begin: int) -> None:
        self._data.seek(begin)
        at, number = begin, int(begin > 0)
        while len(self.words) < MAX_WORDS:
            line = self._data.readline()
            if not line:
                return
            number += 1
            bare = line.rstrip()
            spaces = bare.count(b" ")
            if bare and spaces < self.width:
                raise EncoderError(
                    f"{self.path}, line {number}: {spaces} numbers instead of {self.width}; the file is damaged or "
                    "truncated"
                )
            if bare:
                # words of more than one part are rare: the last D fields are the numbers
                word = bare[: bare.index(b" ")] if spaces == self.width else bare.rsplit(b" ", self.width)[0]
                self.words.setdefault(word.decode("utf-8", "replace"), at + len(word) + 1)
            at += len(line)

    def _index_binary(self, begin: int) -> None:
        size, step = len(self._data), 4 * self.width
        while begin < size and len(self.words) < MAX_WORDS:
            end = self._data.find(b" ", begin, begin + _LONGEST_WORD)
            if end < 0 or end + 1 + step > size:
                if not self._data[begin : begin + _LONGEST_WORD].strip():
                    return
                raise EncoderError(
                    f"{self.path}, word {len(self.words) + 1:,}: the file is damaged or truncated"
                )
            word = self._data[begin:end].lstrip(b"\n")
            self.words.setdefault(word.decode("utf-8", "replace"), end + 1)
            begin = end + 1 + step

    def _numbers(self, at: int, word: str) -> npt.NDArray[np.float32]:
        if self.binary:
            numbers = np.frombuffer(self._data, "<f4", self.width, at).astype(np.float32)
        else:
            end = self._data.find(b"\n", at)
            fields = self._data[at : end if end >= 0 else len(self._data)].split()
            try:
                numbers = np.array(fields, "S").astype(np.float32)
            except ValueError:
                numbers = np.full(self.width, np.nan, np.float32)
        if len(numbers) != self.width or not np.isfinite(numbers).all():
            raise EncoderError(f"{self.path}: the vector of {word!r} is not {self.width} numbers")
        return numbers


def _all_numbers(fields: Sequence[bytes]) -> bool:
    try:
        return bool(fields) and all(np.isfinite(float(field)) for field in fields)
    except ValueError:
        return False
