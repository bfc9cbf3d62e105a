"""Approximate search: an inverted file of FAISS, whose number of visited lists is chosen by a recall target.

An inverted file (Sivic and Zisserman 2003; Johnson et al. 2017, arXiv:1702.08734) sorts the rows into lists by their
nearest of L centroids and looks only through the lists nearest to a query. A graph (HNSW) answers about as well but
takes minutes to build where this takes seconds, so there is none here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from motet.errors import SearchError
from motet.retrieval.exact import Rows
from motet.retrieval.storage import Floats, Storage

TRAINING_ROWS_A_LIST = 40
ADDED_AT_ONCE = 65_536


@dataclass(frozen=True)
class Sample:
    """Queries [Q, D] of one kind and their exact answers, `truth` [Q, k].

    own : [Q] rows that are the queries themselves, which do not count; None where they are no rows.
    """

    queries: Floats
    truth: Rows
    own: Rows | None = None


@dataclass(frozen=True)
class Tuned:
    """What was chosen on samples: lists visited, and for each sample recall@k of queries that did not choose."""

    probes: int
    recalls: tuple[float, ...]


def faiss() -> Any:
    """The library; SearchError with what to install where it is missing."""
    try:
        import faiss as library
    except ImportError as error:
        raise SearchError(
            "an index of this size needs FAISS: install motet[search], or faiss-cpu beside it"
        ) from error
    return library


def number_of_lists(rows: int) -> int:
    """Twice the square root: visiting one list then costs about as much as finding it."""
    return max(1, int(2 * np.sqrt(rows)))


def build(read: Callable[[Rows], Floats], rows: int, width: int, storage: Storage, seed: int = 0) -> Any:
    """An inverted file over all rows. read : gives the vectors of row numbers, so that never all are decoded."""
    library = faiss()
    kinds = {
        "float32": None,
        "float16": library.ScalarQuantizer.QT_fp16,
        "int8": library.ScalarQuantizer.QT_8bit,
    }
    lists = number_of_lists(rows)
    coarse = library.IndexFlatIP(width)
    kind, metric = kinds[storage], library.METRIC_INNER_PRODUCT
    if kind is None:
        index = library.IndexIVFFlat(coarse, width, lists, metric)
    else:
        # codes of the vectors themselves, not of what the centroid leaves over
        index = library.IndexIVFScalarQuantizer(coarse, width, lists, kind, metric, False)
    index.cp.spherical = True
    index.cp.seed = seed + 1
    sample = np.random.default_rng(seed).choice(rows, min(rows, TRAINING_ROWS_A_LIST * lists), replace=False)
    index.train(read(np.sort(sample)))
    for begin in range(0, rows, ADDED_AT_ONCE):
        index.add(read(np.arange(begin, min(begin + ADDED_AT_ONCE, rows))))
    return index


def tune(index: Any, samples: Sequence[Sample], target: float) -> Tuned:
    """The fewest lists with which one half of each sample reaches the target recall; and that of the other half."""
    probes, most = 1, index.nlist

    def recall(one: Sample, probes: int, first: bool) -> float:
        half = len(one.queries) // 2
        part = slice(0, half) if first else slice(half, None)
        return recall_of(_others(index, one, part, probes), one.truth[part])

    while probes < most and any(recall(one, probes, True) < target for one in samples):
        probes = min(most, max(probes + 1, int(probes * 1.3)))
    return Tuned(probes, tuple(recall(one, probes, False) for one in samples))


def recall_of(found: Rows, truth: Rows) -> float:
    """Share of the exact answers [Q, k] that are among those found [Q, k]."""
    return float((truth[:, :, None] == found[:, None, :]).any(2).mean())


def _others(index: Any, sample: Sample, part: slice, probes: int) -> Rows:
    queries, k = sample.queries[part], sample.truth.shape[1]
    if sample.own is None:
        return search(index, queries, k, probes)[1]
    found = search(index, queries, k + 1, probes)[1]
    # the query's own row goes last, then is cut off
    order = np.argsort(found == sample.own[part, None], axis=1, kind="stable")
    others: Rows = np.take_along_axis(found, order, 1)[:, :k]
    return others


def search(index: Any, queries: Floats, k: int, probes: int) -> tuple[Floats, Rows]:
    """Scores and rows [Q, k] found in the nearest `probes` lists, -1 in the last places where there are no more."""
    scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    address = faiss().swig_ptr
    # the call that FAISS's own `search` makes after its checks
    index.search_c(len(queries), address(queries), k, address(scores), address(rows), _visiting(probes))
    return scores, rows


@lru_cache(maxsize=64)
def _visiting(probes: int) -> Any:
    """What FAISS calls the parameters of a search, which take a tenth as long to make as a search."""
    return faiss().SearchParametersIVF(nprobe=probes)


def write(index: Any, path: Path) -> None:
    """Write the structure to a file; OSError where the disk does not take it."""
    # through a file of Python's: one of FAISS's own says nothing where its last bytes do not reach the disk
    with path.open("wb") as file:
        faiss().write_index(index, faiss().PyCallbackIOWriter(file.write))


def read(path: Path) -> Any:
    """Open the structure, its lists memory-mapped; FileNotFoundError where a writer has swept it away."""
    library = faiss()
    try:
        index = library.read_index(str(path), library.IO_FLAG_MMAP | library.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise SearchError(f"{path}: FAISS cannot read this file: build the index again") from error
    # else each search starts 32 threads that only touch the lists: it costs more than the search
    library.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
    return index
