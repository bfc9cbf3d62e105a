"""A column of precomputed numbers as one vector, standardised, on numpy alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.data import VectorCells
from motet.encoders.cache import FeatureCache
from motet.encoders.features import ArrayRows, FeatureTable
from motet.encoders.tabular import FURTHEST, deviation_of
from motet.errors import EncoderError

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
_BLOCK = 8192  # rows that are added up at a time


class VectorEncoder:
    """Numbers standardised by the training rows, whose width is the width: any other is broken.

    Parameters
    ----------
    modality : name of the column.
    """

    name = "vector"
    licence = "Apache-2.0"
    learns = True

    def __init__(self, modality: str = "vector") -> None:
        self.modality = modality
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.zeros(0, np.float32)

    @property
    def width(self) -> int:
        """D: the width of most training rows."""
        return len(self._mean)

    @property
    def fingerprint(self) -> str:
        """Hash of the means and deviations."""
        digest = hashlib.blake2b(b"vector 1", digest_size=16)
        digest.update(self._mean.tobytes() + self._deviation.tobytes())
        return digest.hexdigest()

    def fit(self, cells: VectorCells, rows: Rows) -> None:
        """Learn width, means and deviations from the training rows; EncoderError where none holds a vector."""
        width = cells.width_of(rows)
        if width == 0:
            raise EncoderError(f"{self.modality}: no training row holds a vector")
        present, _ = cells.of_width(rows, width)
        rows = rows[present]
        mean = sum(block.sum(axis=0) for block in _blocks(cells, rows, width)) / len(rows)
        squares = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(cells, rows, width))
        self._mean = np.asarray(mean, np.float32)
        self._deviation = deviation_of(self._mean, np.sqrt(squares / len(rows)))

    def encode(self, cells: VectorCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order [N, D] float32; quick to make, so never cached."""
        values, present, issues = cells.take(rows, self.width)
        np.subtract(values, self._mean, out=values)
        with np.errstate(over="ignore"):
            np.divide(values, self._deviation, out=values)
        np.clip(values, -FURTHEST, FURTHEST, out=values)
        values[~present] = 0
        return FeatureTable(ArrayRows(values), present, tuple(issues))

    def save(self, directory: Path) -> None:
        """Write `vector.json`."""
        state = {
            "modality": self.modality,
            "mean": [float(value) for value in self._mean],
            "deviation": [float(value) for value in self._deviation],
        }
        (directory / "vector.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> VectorEncoder:
        """Read what `save` wrote."""
        state = json.loads((directory / "vector.json").read_text(encoding="utf-8"))
        encoder = cls(state["modality"])
        encoder._mean = np.asarray(state["mean"], np.float32)
        encoder._deviation = np.asarray(state["deviation"], np.float32)
        return encoder


def _blocks(cells: VectorCells, rows: Rows, width: int) -> Iterator[npt.NDArray[np.float64]]:
    for start in range(0, len(rows), _BLOCK):
        yield cells.take(rows[start : start + _BLOCK], width)[0].astype(np.float64)
