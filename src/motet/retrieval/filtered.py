"""Approximate search among the rows that a filter lets pass, wherever they lie.

A filter may pass rows that lie far from a query (shoes, asked for with a dress). The lists nearest to the query then
hold few of them, and seldom the nearest. So depth is counted in rows that pass, and is doubled until the answers of a
query stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from motet.retrieval.approximate import faiss
from motet.retrieval.exact import Rows
from motet.retrieval.storage import Floats

QUERIES = 256  # at once: each has a place for every list


def lists_of_rows(index: Any) -> npt.NDArray[np.int32]:
    """The list [N] that each row of an inverted file is in."""
    library = faiss()
    lists = np.empty(index.ntotal, np.int32)
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            lists[library.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    return lists


def search_passing(
    index: Any, queries: Floats, k: int, passing: Rows, bits: npt.NDArray[np.uint8], enough: int
) -> tuple[Floats, Rows]:
    """Scores and rows [Q, k] of the best rows that pass.

    k : at most the rows that pass. passing : [L] how many of each list pass. bits : one a row, 1 where it passes.
    enough : rows that pass to look at before the first doubling.
    """
    parts = [
        _search(index, queries[begin : begin + QUERIES], k, passing, bits, enough)
        for begin in range(0, len(queries), QUERIES)
    ]
    return np.concatenate([scores for scores, _ in parts]), np.concatenate([rows for _, rows in parts])


def _search(
    index: Any, queries: Floats, k: int, passing: Rows, bits: npt.NDArray[np.uint8], enough: int
) -> tuple[Floats, Rows]:
    order = index.quantizer.search(queries, index.nlist)[1]
    order[passing[order] == 0] = -1  # a list without any such row is not looked through
    seen = np.cumsum(np.where(order < 0, 0, passing[order]), 1)  # [Q, L]: in the nearest 1, 2, ... lists
    every = int(passing.sum())
    ends = _depths(seen, np.full(len(queries), min(enough, every)))
    scores, rows = _visit(index, queries, k, order, np.zeros_like(ends), ends, bits)
    going = np.arange(len(queries))
    while len(going := going[_at(seen[going], ends[going]) < every]):
        begins = ends[going]
        ends[going] = _depths(seen[going], np.minimum(2 * _at(seen[going], begins), every))
        more = _visit(index, queries[going], k, order[going], begins, ends[going], bits)
        both = np.concatenate([scores[going], more[0]], 1), np.concatenate([rows[going], more[1]], 1)
        best = np.argsort(-both[0], 1, kind="stable")[:, :k]
        found = np.take_along_axis(both[1], best, 1)
        unsettled = (found != rows[going]).any(1) | (found < 0).any(1)
        scores[going], rows[going] = np.take_along_axis(both[0], best, 1), found
        going = going[unsettled]
    return scores, rows


def _depths(seen: Rows, wanted: Rows) -> Rows:
    """How many of the nearest lists [Q] together hold the wanted number [Q] of rows that pass."""
    depths: Rows = 1 + (seen < wanted[:, None]).sum(1)
    return depths


def _at(seen: Rows, depths: Rows) -> Rows:
    found: Rows = seen[np.arange(len(depths)), depths - 1]
    return found


def _visit(
    index: Any, queries: Floats, k: int, order: Rows, begins: Rows, ends: Rows, bits: npt.NDArray[np.uint8]
) -> tuple[Floats, Rows]:
    """Scores and rows [Q, k] found in the lists from `begins` to `ends` [Q] of each query's order; -1 for no row."""
    library = faiss()
    place = begins[:, None] + np.arange((ends - begins).max())
    near = np.take_along_axis(order, np.minimum(place, index.nlist - 1), 1)
    near = np.ascontiguousarray(np.where(place < ends[:, None], near, -1))
    distances = np.zeros(near.shape, np.float32)  # to centroids: not asked for, as codes are of whole vectors
    scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    settings = library.SearchParametersIVF(nprobe=near.shape[1], sel=library.IDSelectorBitmap(bits))
    arrays = [library.swig_ptr(one) for one in (near, distances, scores, rows)]
    index.search_preassigned_c(
        len(queries), library.swig_ptr(np.ascontiguousarray(queries)), k, *arrays, False, settings
    )
    return scores, rows
