"""Exact search: the k nearest of all rows, ties broken by row, so that answers repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from motet.retrieval.storage import Floats

Rows = npt.NDArray[np.int64]

# A matrix product rounds by how it is cut into pieces: the k-th score is known no better than this.
ROUNDING = 1e-5
PIECE = 8192  # rows decoded at once: few enough to stay in the processor's cache
QUERIES = 256


def similarity(query: Floats, vectors: Floats) -> Floats:
    """Dot products [N] of one query [D] and vectors [N, D], the same bits for equal vectors wherever they stand."""
    scores: Floats = (vectors * query).sum(1)
    return scores


def nearest(
    queries: Floats, k: int, pieces: Callable[[], Iterator[tuple[Rows, Floats]]]
) -> tuple[Floats, Rows]:
    """The k best rows of each query over all pieces.

    queries : [Q, D] float32. pieces : yields row numbers [n] and their vectors [n, D]; called once for every 256
    queries. Returns scores [Q, k'] from high to low and rows [Q, k'] int64, k' the smaller of k and all rows.
    """
    found = [
        one
        for begin in range(0, len(queries), QUERIES)
        for one in _nearest(queries[begin : begin + QUERIES], k, pieces())
    ]
    if not found:
        return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int64)
    return np.stack([scores for scores, _ in found]), np.stack([rows for _, rows in found])


def _nearest(queries: Floats, k: int, pieces: Iterator[tuple[Rows, Floats]]) -> list[tuple[Floats, Rows]]:
    best = [(np.zeros(0, np.float32), np.zeros(0, np.int64)) for _ in queries]
    for rows, vectors in pieces:
        rough = queries @ vectors.T
        for number, query in enumerate(queries):
            near = _candidates(rough[number], k, best[number][0])
            scores = np.concatenate([best[number][0], similarity(query, vectors[near])])
            best[number] = first(scores, np.concatenate([best[number][1], rows[near]]), k)
    return best


def first(scores: Floats, rows: Rows, k: int) -> tuple[Floats, Rows]:
    """The first k of one query's candidates: by score from high to low, then by row."""
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def _candidates(rough: Floats, k: int, best: Floats) -> Rows:
    """Places of all that can be among the first k, given rounded scores and the best of the pieces before."""
    least = best[-1] - ROUNDING if 0 < k == len(best) else -np.inf
    if len(rough) > k > 0:
        least = max(least, np.partition(rough, len(rough) - k)[len(rough) - k] - ROUNDING)
    return np.flatnonzero(rough >= least)
