"""Vectors, ids and metadata made for the tests of search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MODEL = "made-by-this"


def unit(rows: int, width: int = 16, seed: int = 0) -> npt.NDArray[np.float32]:
    """Random vectors of unit length."""
    drawn = np.random.default_rng(seed).standard_normal((rows, width))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def names(rows: int, start: int = 0) -> list[str]:
    return [f"货{number}" for number in range(start, start + rows)]


def described(rows: int, start: int = 0) -> pa.Table:
    numbers = np.arange(start, start + rows)
    return pa.table({"price": numbers * 1.0, "品牌": [f"牌{number % 3}" for number in numbers]})
