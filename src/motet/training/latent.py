"""Fused heads are trained on sparse sources in few dimensions, and read them whole afterwards.

TF-IDF has tens of thousands of columns, and a first layer over them costs far more to train than all the rest of a
head. The layer is therefore trained on the leading right singular vectors V [D, L] of training rows (latent semantic
analysis: Deerwester et al., "Indexing by Latent Semantic Analysis", 1990), and then multiplied out:
x (V s) W = x (V s W). What is saved reads x itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import FeatureTable, SparseRows
from motet.fusion import Projection, Source, StandardisedLinear
from motet.training.designs import LatentRows, csr
from motet.training.latent_tokens import TokenBasis, tokens_to_latent
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 256
BASIS_ROWS = 1500  # a seeded sample of this many training rows gives the singular vectors
WINDOW = 8192
Bases = Mapping[str, Floats | TokenBasis]  # of what is read pooled: V s [D, L]


@dataclass(frozen=True)
class Latent:
    """Feature tables that are dense, and what made them so, of sparse sources and of tokens."""

    tables: Mapping[str, FeatureTable]
    bases: Bases


def to_latent(
    tables: Mapping[str, FeatureTable],
    rows: Rows,
    *,
    seed: int,
    dimensions: int = DIMENSIONS,
    most_rows: int = BASIS_ROWS,
) -> Latent:
    """Project each sparse source, and tokens, on a few dimensions learned from `rows`; the others stay.

    dimensions : of a sparse source at most. most_rows : a sample of this many gives them.
    """
    made: dict[str, FeatureTable] = dict(tables)
    bases: dict[str, Floats | TokenBasis] = {}
    for name, table in tables.items():
        if table.tokens is not None:
            tokens, bases[name] = tokens_to_latent(table, rows)
            made[name] = replace(table, tokens=tokens)
        if isinstance(table.rows, SparseRows) and table.width > dimensions:
            mine = rows[table.present[rows]]
            if len(mine) > most_rows:
                mine = np.sort(np.random.default_rng(seed).choice(mine, most_rows, replace=False))
            basis = bases[name] = _basis(table.rows, mine, dimensions, seed)
            made[name] = FeatureTable(_project(table.rows, basis), table.present, table.issues)
    return Latent(made, bases)


class FirstLayers(Protocol):
    """What reads sources through one first layer each: `projections[k].linear` reads source k."""

    sources: tuple[Source, ...]
    projections: nn.ModuleList


def multiply_out(fusion: FirstLayers, bases: Bases) -> None:
    """Replace each first layer that was trained behind a basis by one that reads the whole source, in place.

    bases : as `to_latent` gave them; coordinates of sparse rows are not standardised, so neither is what is read.
    """
    sources = []
    for place, source in enumerate(fusion.sources):
        found = bases.get(source.name)
        if found is not None and isinstance(found, TokenBasis) == (source.read != "pooled"):
            basis = torch.from_numpy(found.basis if isinstance(found, TokenBasis) else found)
            projection = cast(Projection, fusion.projections[place])
            trained = projection.linear
            whole = StandardisedLinear(len(basis), trained.weight.shape[1], draw=False)
            with torch.no_grad():
                whole.weight.copy_(basis @ trained.weight)
                whole.bias.copy_(trained.bias)
            if isinstance(found, TokenBasis):
                whole.standardise(torch.from_numpy(found.mean), torch.from_numpy(found.scale))
            projection.linear = whole
            source = replace(source, width=len(basis))
        sources.append(source)
    fusion.sources = tuple(sources)


def _basis(whole: SparseRows, rows: Rows, dimensions: int, seed: int) -> Floats:
    """V s [D, L]: the leading right singular vectors, times what gives the rows' coordinates unit deviation."""
    if len(rows) == 0:
        return np.zeros((whole.width, 1), np.float32)
    with one_thread():
        x = csr(whole.take(rows))  # [n, D]
        transposed = x.t().to_sparse_csr()
        count = min(dimensions, len(rows))
        if len(rows) <= BASIS_ROWS:
            # From x x' = U S^2 U', which is small where rows are few: V = x' U / S.
            squares, left = torch.linalg.eigh(x @ transposed.to_dense())
            lengths = squares[-count:].flip(0).clamp(min=1e-6).sqrt()
            vectors = transposed @ (left[:, -count:].flip(1) / lengths)
        else:
            vectors = _subspace(x, transposed, count, seed)
        scaled: Floats = (vectors / (x @ vectors).std().clamp(min=1e-6)).numpy()
    return scaled


def _subspace(x: Tensor, transposed: Tensor, count: int, seed: int) -> Tensor:
    """The leading right singular vectors [D, count] of x [n, D], nearly.

    Source: Halko et al., "Finding Structure with Randomness", arXiv 0909.4061, algorithm 4.4 (randomized subspace
    iteration), with two iterations and eight vectors more than are kept.
    """
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(x.shape[1], count + 8, generator=generator)
    for _ in range(2):
        found, _ = torch.linalg.qr(x @ found)
        found, _ = torch.linalg.qr(transposed @ found)
    _, _, rotation = torch.linalg.svd(x @ found, full_matrices=False)
    vectors: Tensor = found @ rotation[:count].T
    return vectors


def _project(whole: SparseRows, basis: Floats) -> LatentRows:
    values = np.empty((len(whole), basis.shape[1]), np.float16)
    for begin in range(0, len(whole), WINDOW):
        rows = np.arange(begin, min(begin + WINDOW, len(whole)))
        values[rows] = (csr(whole.take(rows)) @ torch.from_numpy(basis)).numpy()
    return LatentRows(values)
