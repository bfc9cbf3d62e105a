"""The graph that writes captions word by word, beside what it keeps of the words before; another read the picture.

B pictures, n rows that are written, T positions of a picture, P words so far, L layers, H heads of d numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
STEP_INPUTS = ("ids", "places", "past_keys", "past_values", "keys", "values", "mask")
STEP_OUTPUTS = ("logits", "next_keys", "next_values")


@dataclass(frozen=True)
class Pictures:
    """Pictures as the words see them: keys, values [L, B, H, T, d]; mask [B, T], False where there is nothing."""

    keys: Floats
    values: Floats
    mask: npt.NDArray[np.bool_]

    def select(self, rows: Rows) -> Pictures:
        """The given pictures."""
        return Pictures(self.keys[:, rows], self.values[:, rows], self.mask[rows])


class StepGraph:
    """ids [n, S], places [S], what was kept of P words, the pictures -> logits [n, V], what is kept of P + S words."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = {
            value.name for value in self._session.get_inputs()
        }  # a prefix has no mask: all of it is seen

    def run(
        self, ids: Rows, places: Rows, past: tuple[Floats, Floats], pictures: Pictures
    ) -> tuple[Floats, tuple[Floats, Floats]]:
        """Logits after the last of S words, and keys and values [L, n, H, P + S, d] of all."""
        feed: dict[str, npt.NDArray[Any]] = dict(
            zip(STEP_INPUTS, (ids, places, *past, pictures.keys, pictures.values, pictures.mask), strict=True)
        )
        asked = {name: value for name, value in feed.items() if name in self._inputs}
        logits, keys, values = self._session.run(list(STEP_OUTPUTS), asked)
        return logits, (keys, values)


@dataclass
class CachedWriting:
    """Rows that are being written, with keys and values of their words kept: each word is read once."""

    step: StepGraph
    pictures: Pictures
    past: tuple[Floats, Floats]
    picture: Rows  # which picture each row is of

    @classmethod
    def of(cls, step: StepGraph, pictures: Pictures) -> CachedWriting:
        """Rows without a word yet, one a picture."""
        nothing = pictures.keys[:, :, :, :0], pictures.values[:, :, :, :0]
        return cls(step, pictures, nothing, np.arange(len(pictures.mask)))

    def next(self, ids: Rows) -> Floats:
        """Logits [n, V] of the word that follows, after one more word of each row."""
        place = np.array([self.past[0].shape[3]], np.int64)
        logits, self.past = self.step.run(ids[:, None], place, self.past, self.pictures)
        return logits

    def select(self, rows: Rows) -> CachedWriting:
        """The given rows as rows of their own."""
        keys, values = self.past
        picture = self.picture[rows]
        # beams change places among those of their own picture, whose keys are large
        same = np.array_equal(picture, self.picture)
        pictures = self.pictures if same else self.pictures.select(rows)
        return CachedWriting(self.step, pictures, (keys[:, rows], values[:, rows]), picture)


@dataclass
class PlainWriting:
    """The same without anything kept of words: all are read again for each. What the cache is held to."""

    step: StepGraph
    pictures: Pictures
    said: Rows

    @classmethod
    def of(cls, step: StepGraph, pictures: Pictures) -> PlainWriting:
        """Rows without a word yet, one a picture."""
        return cls(step, pictures, np.zeros((len(pictures.mask), 0), np.int64))

    def next(self, ids: Rows) -> Floats:
        """Logits [n, V] of the word that follows, after one more word of each row."""
        self.said = np.concatenate([self.said, ids[:, None]], axis=1)
        nothing = self.pictures.keys[:, :, :, :0], self.pictures.values[:, :, :, :0]
        return self.step.run(self.said, np.arange(self.said.shape[1]), nothing, self.pictures)[0]

    def select(self, rows: Rows) -> PlainWriting:
        """The given rows as rows of their own."""
        return PlainWriting(self.step, self.pictures.select(rows), self.said[rows])
