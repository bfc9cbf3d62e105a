"""Rows of a source as the matrices that are fitted on."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.encoders import ArrayRows, FeatureTable, SparseRows

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class LatentRows(ArrayRows):
    """Coordinates [N, L] of sparse rows in a latent space, of unit size together: the small ones stay small."""


def csr(rows: SparseRows) -> Tensor:
    """The same rows as a matrix [N, D] in compressed sparse row layout."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the layout is in beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows.start.astype(np.int32)),  # as the products of sparse matrices want them
            torch.from_numpy(rows.columns),
            torch.from_numpy(rows.values),
            size=(len(rows), rows.width),
            check_invariants=False,
        )


def design(table: FeatureTable, rows: Rows, mean: Floats, scale: Floats) -> Tensor:
    """The given rows standardised [n, D], or as they are where they are sparse."""
    if isinstance(table.rows, SparseRows):
        return csr(table.rows.take(rows))
    made = table.rows.dense(rows)
    made -= mean  # in place: of a hundred thousand rows each copy is hundreds of megabytes
    made *= scale
    return torch.from_numpy(made)


def standardisation(table: FeatureTable, rows: Rows, *, sample: int = 50_000) -> tuple[Floats, Floats]:
    """Mean and 1 / deviation [D] of a source over training rows; 0 and 1 for one that has a scale of its own."""
    rows = rows[table.present[rows]]
    rows = rows[:: max(1, -(-len(rows) // sample))]
    if isinstance(table.rows, SparseRows | LatentRows) or len(rows) == 0:
        return np.zeros(table.width, np.float32), np.ones(table.width, np.float32)
    return _moments(table.rows.dense(rows))


def token_standardisation(table: FeatureTable, rows: Rows, *, sample: int = 256) -> tuple[Floats, Floats]:
    """The same [D] over all positions of tokens of `sample` training rows, evenly spaced; the table has tokens."""
    assert table.tokens is not None
    rows = rows[table.present[rows]]
    tokens, mask = table.tokens.dense(rows[:: max(1, -(-len(rows) // sample))])
    if not mask.any():
        return np.zeros(tokens.shape[2], np.float32), np.ones(tokens.shape[2], np.float32)
    return _moments(tokens[mask])


def _moments(values: Floats) -> tuple[Floats, Floats]:
    """Mean and 1 / deviation [D] of values [n, D]."""
    mean = values.mean(axis=0, dtype=np.float64)
    off = values - mean.astype(np.float32)
    deviation = np.sqrt(np.square(off, out=off).mean(axis=0, dtype=np.float64))
    # A feature that hardly varies carries noise, which must not be blown up to unit size.
    floor = max(float(np.median(deviation)) * 1e-3, 1e-8)
    scale = np.where(deviation > floor, 1 / np.maximum(deviation, floor), 0)
    return mean.astype(np.float32), scale.astype(np.float32)
