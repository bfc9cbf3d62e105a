"""The numeric and categorical columns of a row as one vector, on numpy alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.data import TabularCells
from motet.encoders.cache import FeatureCache
from motet.encoders.features import ArrayRows, FeatureTable

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
RESOLUTION = float(np.finfo(np.float32).eps)
SMALLEST = float(np.finfo(np.float32).tiny)
FURTHEST = 1e4  # deviations from the mean: further out lies no measurement, and a head must not overflow


def deviation_of(mean: Floats, deviation: npt.NDArray[np.float64]) -> Floats:
    """Deviations [D] to divide by, 1 for what is constant.

    What varies by less than float32 can hold is constant: its rounding must not be blown up to unit size.
    """
    noise = np.maximum(np.abs(mean) * RESOLUTION, SMALLEST)
    return np.where(deviation > noise, deviation, 1).astype(np.float32)


class TabularEncoder:
    """Numbers standardised by training rows beside a flag where absent; categories one-hot, rare ones as one.

    Parameters
    ----------
    categories : how many values of a categorical column get a place of their own, the most frequent first.
    """

    name = "tabular"
    modality = "tabular"
    licence = "Apache-2.0"
    learns = True

    def __init__(self, *, categories: int = 64) -> None:
        self.categories = categories
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.zeros(0, np.float32)
        self._values: list[list[str]] = []

    @property
    def width(self) -> int:
        """D: two for each numeric column, one for each kept category and one for all others."""
        return 2 * len(self._mean) + sum(len(values) + 1 for values in self._values)

    @property
    def fingerprint(self) -> str:
        """Hash of the means, deviations and categories."""
        return hashlib.blake2b(f"tabular 1 {self._state()}".encode(), digest_size=16).hexdigest()

    def fit(self, cells: TabularCells, rows: Rows) -> None:
        """Learn means, deviations and categories from the training rows."""
        numbers = cells.numbers(rows).astype(np.float64)
        known = np.isfinite(numbers)
        count = np.maximum(known.sum(axis=0), 1)
        self._mean = (np.where(known, numbers, 0).sum(axis=0) / count).astype(np.float32)
        squares = np.where(known, numbers - self._mean, 0) ** 2
        self._deviation = deviation_of(self._mean, np.sqrt(squares.sum(axis=0) / count))
        self._values = []
        for column in cells.categories(rows):
            counts = Counter(value for value in column if value is not None)
            ranked = sorted(counts, key=lambda value: (-counts[value], value))
            self._values.append(ranked[: self.categories])

    def encode(self, cells: TabularCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order [N, D] float32; quick to make, so never cached."""
        numbers = cells.numbers(rows).astype(np.float64)
        known = np.isfinite(numbers)
        standardised = np.clip((numbers - self._mean) / self._deviation, -FURTHEST, FURTHEST)
        blocks: list[Floats] = [
            np.where(known, standardised, 0).astype(np.float32),
            (~known).astype(np.float32),
        ]
        for column, values in zip(cells.categories(rows), self._values, strict=True):
            place = {value: i for i, value in enumerate(values)}
            onehot = np.zeros((len(rows), len(values) + 1), np.float32)
            at = [(i, place.get(value, len(values))) for i, value in enumerate(column) if value is not None]
            if at:
                onehot[tuple(np.array(at).T)] = 1
            blocks.append(onehot)
        return FeatureTable(ArrayRows(np.concatenate(blocks, axis=1)), cells.present[rows])

    def save(self, directory: Path) -> None:
        """Write `columns.json`."""
        (directory / "columns.json").write_text(
            json.dumps(self._state(), ensure_ascii=False), encoding="utf-8"
        )

    @classmethod
    def load(cls, directory: Path) -> TabularEncoder:
        """Read what `save` wrote."""
        state = json.loads((directory / "columns.json").read_text(encoding="utf-8"))
        encoder = cls()
        encoder._mean = np.asarray(state["mean"], np.float32)
        encoder._deviation = np.asarray(state["deviation"], np.float32)
        encoder._values = state["values"]
        return encoder

    def _state(self) -> dict[str, object]:
        return {
            "mean": [float(value) for value in self._mean],
            "deviation": [float(value) for value in self._deviation],
            "values": self._values,
        }
