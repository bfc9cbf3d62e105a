"""Fused heads are trained on tokens in few dimensions, and read them whole afterwards.

A grid cell of 1,280 numbers, times 49 cells, times the rows of a batch, is more than all the rest of a head takes. As
in `latent.py` the first layer is trained on coordinates: of standardised tokens along their leading principal
directions V [D, L], ((x - mean) * scale) V s W = ((x - mean) * scale) (V s W). What is saved reads x itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from motet.encoders import FeatureTable, TokenRows
from motet.training.designs import token_standardisation
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 256
BASIS_ROWS = 256  # training rows, evenly spaced, whose positions give the directions
WINDOW = 64


@dataclass(frozen=True)
class TokenBasis:
    """What makes coordinates of tokens: mean and scale [D], then V s [D, L]."""

    mean: Floats
    scale: Floats
    basis: Floats


@dataclass(frozen=True)
class LatentTokens:
    """Coordinates of the tokens of N rows, of unit size together: values [P, L], row i has start[i] to start[i] +
    counts[i]."""

    values: npt.NDArray[np.float16]
    start: Rows
    counts: Rows

    @property
    def width(self) -> int:
        """L."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.start)

    def dense(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The given rows as tokens [B, T, L] float32, zero where padded, and mask [B, T]; T is at least 1."""
        counts = self.counts[rows]
        mask = np.arange(max(1, int(counts.max(initial=0)))) < counts[:, None]
        tokens = np.zeros((*mask.shape, self.width), np.float32)
        for row, (begin, count) in enumerate(zip(self.start[rows], counts, strict=True)):
            tokens[row, :count] = self.values[begin : begin + count]
        return tokens, mask

    def part(self, rows: Rows) -> LatentTokens:
        """The given rows as rows of their own; nothing is copied."""
        return LatentTokens(self.values, self.start[rows], self.counts[rows])


def tokens_to_latent(table: FeatureTable, fit: Rows) -> tuple[LatentTokens, TokenBasis]:
    """Tokens of all rows along at most 256 directions learned from the training rows `fit`; the table has tokens."""
    assert table.tokens is not None
    mean, scale = token_standardisation(table, fit)
    some = fit[table.present[fit]]
    with one_thread():
        tokens, mask = table.tokens.dense(some[:: max(1, -(-len(some) // BASIS_ROWS))])
        x = torch.from_numpy((tokens[mask] - mean) * scale)  # [n, D]
        basis = _directions(x)
        basis = basis / (x @ basis).std().nan_to_num().clamp(min=1e-6)
    made = TokenBasis(mean, scale, basis.numpy())
    return _projected(table.tokens, made), made


def _directions(x: torch.Tensor) -> torch.Tensor:
    """The leading principal directions [D, L] of positions [n, D], L at most 256; zeros where there are no more."""
    n, width = x.shape
    kept = min(width, DIMENSIONS)
    if n >= width:
        _, directions = torch.linalg.eigh(x.T @ x)
        leading: torch.Tensor = directions[:, -kept:].flip(1)
        return leading
    # the same from the products of few positions with each other: most eigenvalues of the other matrix are zero, which
    # takes long and may not converge
    values, vectors = torch.linalg.eigh((x @ x.T).double())
    some = values > values[-1:] * 1e-9
    found = (x.T.double() @ vectors[:, some] / values[some].sqrt())[:, -kept:].flip(1).float()
    return torch.nn.functional.pad(found, (0, kept - found.shape[1]))


def _projected(tokens: TokenRows, basis: TokenBasis) -> LatentTokens:
    values, counts = [], []
    for begin in range(0, len(tokens), WINDOW):
        read, mask = tokens.dense(np.arange(begin, min(begin + WINDOW, len(tokens))))
        values.append((((read[mask] - basis.mean) * basis.scale) @ basis.basis).astype(np.float16))
        counts.append(mask.sum(axis=1))
    count = np.concatenate(counts) if counts else np.zeros(0, np.int64)
    width = basis.basis.shape[1]
    joined = np.concatenate(values) if values else np.zeros((0, width), np.float16)
    return LatentTokens(joined, np.cumsum(count) - count, count)
