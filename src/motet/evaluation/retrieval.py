"""Retrieval measured: ranks of right answers become recall@k, median rank and mean reciprocal rank.

Q queries, G things in the gallery, W width of the space. A query and a thing belong together where their ids are equal:
of a picture's id there may be several sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.errors import UsageError

Floats = npt.NDArray[np.floating]
Ids = npt.NDArray[np.int64]
Metric = dict[str, float]
RECALL_AT = (1, 5, 10)
Rescore = Callable[[int, Ids], Floats]
AT_ONCE = 2**23  # similarities that are held at a time
DRAWN_AT_ONCE = 2**22


def first_right_ranks(queries: Floats, gallery: Floats, query_ids: Ids, gallery_ids: Ids) -> Ids:
    """The rank [Q], from 1, of each query's best right answer: one more than the wrong ones that are at least as near.

    queries [Q, W], gallery [G, W]: compared by their dot products. A tie counts as though the wrong answer stood first,
    so that a model that finds everything alike is not taken for a good one. A query without a right answer in
    the gallery has rank G + 1. Never more than some million similarities are held at once.

    Raises UsageError for numbers that are not finite.
    """
    for name, vectors in (("queries", queries), ("gallery", gallery)):
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise UsageError(f"{name}, row {row}: a vector that is not finite cannot be compared")
    queries, gallery = queries.astype(np.float32, copy=False), gallery.astype(np.float32, copy=False)
    ranks = np.empty(len(queries), np.int64)
    size = max(1, AT_ONCE // max(len(gallery), 1))
    for begin in range(0, len(queries), size):
        here = slice(begin, begin + size)
        ranks[here] = _right_ranks(queries[here] @ gallery.T, query_ids[here, None] == gallery_ids)
    return ranks


def mean_reciprocal_rank(images: Floats, texts: Floats, image_ids: Ids, text_ids: Ids) -> float:
    """The mean of both directions, of pictures [P, W] and sentences [S, W]; see `first_right_ranks`."""
    there = first_right_ranks(texts, images, text_ids, image_ids)
    back = first_right_ranks(images, texts, image_ids, text_ids)
    return _mean_reciprocal(there, back)


def scored_reciprocal_rank(scores: Floats, image_ids: Ids, text_ids: Ids) -> float:
    """The same of scores [P, S] that are no dot products."""
    right = image_ids[:, None] == text_ids
    return _mean_reciprocal(_right_ranks(scores.T, right.T), _right_ranks(scores, right))


def _right_ranks(similarity: Floats, right: npt.NDArray[np.bool_]) -> Ids:
    """Ranks [Q] by similarities [Q, G]; right [Q, G]: which belong together."""
    best = np.where(right, similarity, -np.inf).max(axis=1, initial=-np.inf)
    ranks: Ids = 1 + ((similarity >= best[:, None]) & ~right).sum(axis=1)
    return ranks


def _mean_reciprocal(there: Ids, back: Ids) -> float:
    return float(((1 / there).mean() + (1 / back).mean()) / 2)


def reranked_ranks(
    queries: Floats,
    gallery: Floats,
    query_ids: Ids,
    gallery_ids: Ids,
    rescore: Rescore,
    depth: int,
) -> Ids:
    """As `first_right_ranks`, where the nearest `depth` things of each query are put in order by other scores.

    rescore : of the number of a query and the places [depth] of its nearest things, their scores [depth]. A right
    answer that is not among them keeps its rank.
    """
    ranks = first_right_ranks(queries, gallery, query_ids, gallery_ids)
    for query in np.flatnonzero(ranks <= depth).tolist():
        first = _nearest(gallery @ queries[query], gallery_ids == query_ids[query], depth)
        right = gallery_ids[first] == query_ids[query]
        if right.any():
            scores = rescore(query, first)
            ranks[query] = 1 + int((~right & (scores >= scores[right].max())).sum())
    return ranks


def _nearest(similarity: Floats, right: npt.NDArray[np.bool_], depth: int) -> Ids:
    """Places of the `depth` highest of similarities [G], in ascending order; of equal ones the wrong come first."""
    if len(similarity) <= depth:
        return np.arange(len(similarity))
    least = np.partition(similarity, -depth)[-depth]
    near = np.flatnonzero(similarity >= least)
    order = np.lexsort((right[near], -similarity[near]))
    return np.sort(near[order[:depth]])


def retrieval_metrics(
    ranks: Ids, pictures: Ids, gallery: int, *, draws: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """One direction of `evaluation.json`: {"n", "gallery", "metrics": {"recall@1": {"value", "low", "high"}, ...}}.

    ranks [Q] from `first_right_ranks`; pictures [Q]: which picture each query belongs to. Intervals are the percentile
    bootstrap over pictures (2.5 % to 97.5 %), since sentences of one picture succeed and fail together.
    """
    order = np.argsort(ranks, kind="stable")
    ranks, pictures = ranks[order], pictures[order]
    _, unit = np.unique(pictures, return_inverse=True)
    units = int(unit.max()) + 1 if len(unit) else 0
    random = np.random.default_rng(seed)
    draws = max(100, min(draws, draws * 10_000 // max(len(ranks), 1)))
    values = _measured(ranks, np.ones((1, len(ranks))))[0]
    at_once = max(1, DRAWN_AT_ONCE // max(len(ranks), 1))
    drawn = np.concatenate(
        [
            _measured(ranks, random.multinomial(units, np.full(units, 1 / units), size)[:, unit])
            for begin in range(0, draws, at_once)
            if (size := min(at_once, draws - begin))
        ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    names = [*(f"recall@{k}" for k in RECALL_AT), "median_rank", "mrr"]
    return {
        "n": len(ranks),
        "gallery": gallery,
        "metrics": {
            name: {"value": float(values[i]), "low": float(low[i]), "high": float(high[i])}
            for i, name in enumerate(names)
        },
    }


def both_directions(
    images: Floats,
    texts: Floats,
    picture: Ids,
    *,
    draws: int = 1000,
    seed: int = 0,
    rescore: tuple[Rescore, Rescore] | None = None,
    depth: int = 0,
) -> dict[str, dict[str, Any]]:
    """`directions` of `evaluation.json` of P pictures [P, W] and S sentences [S, W].

    picture [S] : which picture each sentence belongs to. rescore, depth : the first answers to each sentence, and to
    each picture, are put in another order, as `reranked_ranks` does.
    """
    here = np.arange(len(images))
    asked = np.unique(picture)  # a picture without a sentence can be found, and is not asked for
    there, back = (texts, images, picture, here), (images[asked], texts, asked, picture)
    if rescore is None:
        ranks = first_right_ranks(*there), first_right_ranks(*back)
    else:
        ranks = (
            reranked_ranks(*there, rescore[0], depth),
            reranked_ranks(*back, lambda query, places: rescore[1](int(asked[query]), places), depth),
        )
    return {
        "text->image": retrieval_metrics(ranks[0], picture, len(images), draws=draws, seed=seed),
        "image->text": retrieval_metrics(ranks[1], asked, len(texts), draws=draws, seed=seed),
    }


def _measured(ranks: Ids, weights: npt.NDArray[Any]) -> Floats:
    """Recall at each k, median rank and mean reciprocal rank [d, 5] of sorted ranks [Q], weighed [d, Q]."""
    total = weights.sum(axis=1)
    shares = [(weights * (ranks <= k)).sum(axis=1) / total for k in RECALL_AT]
    along = weights.cumsum(axis=1)
    lower = ranks[(along < total[:, None] / 2).sum(axis=1)]
    upper = ranks[np.minimum((along <= total[:, None] / 2).sum(axis=1), len(ranks) - 1)]
    reciprocal = (weights / ranks).sum(axis=1) / total
    return np.stack([*shares, (lower + upper) / 2, reciprocal], axis=1)
