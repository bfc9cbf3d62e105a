"""What a search answers, and the two ways to ask and to order anew: composed queries and re-ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from motet.errors import SearchError
from motet.retrieval.exact import Rows, first
from motet.retrieval.storage import Floats, check_vectors

# Gives new scores [n] for one query: its number, the ids that were found, and their scores.
Scorer = Callable[[int, Sequence[str], Floats], npt.ArrayLike]


Ids = list[list[str]]


class Hits:
    """Answers of Q queries, best first: ids [Q][k], scores [Q, k] (dot products), rows [Q, k] in the index.

    k is the smaller of what was asked for and the rows that pass the filter, so no place is empty. Ids may be given as
    what makes them when they are first asked for: strings of few answers take a third as long as the search.
    """

    def __init__(self, ids: Ids | Callable[[], Ids], scores: Floats, rows: Rows) -> None:
        self._ids, self.scores, self.rows = ids, scores, rows

    @property
    def ids(self) -> Ids:
        """Ids [Q][k]."""
        if callable(self._ids):
            self._ids = self._ids()
        return self._ids

    def __reduce__(self) -> tuple[type[Hits], tuple[Ids, Floats, Rows]]:
        """To be sent elsewhere, without the index that the ids come from."""
        return Hits, (self.ids, self.scores, self.rows)


def compose(vectors: npt.ArrayLike, weights: Sequence[float] | None = None) -> Floats:
    """One query [D] from several unit vectors [M, D]: their weighted sum, scaled to unit length.

    weights : [M], default all 1; a negative one leads away from its vector. SearchError where nothing is left.
    """
    parts = check_vectors(vectors, what="the parts of the query")
    shares = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(parts),) or not np.isfinite(shares).all():
        raise SearchError(f"weights: one finite number for each of the {len(parts)} parts is wanted")
    whole = shares @ parts.astype(np.float64)
    length = float(np.linalg.norm(whole))
    if length < 1e-6:
        raise SearchError("the parts of the query cancel each other: nothing is left to search for")
    query: Floats = (whole / length).astype(np.float32)
    return query


def rerank(hits: Hits, scorer: Scorer, k: int | None = None) -> Hits:
    """The same answers, ordered by the caller's scores; the first k of them (default all).

    Ask the search for more than is shown, then re-rank: what it did not find cannot come back.
    """
    keep = hits.rows.shape[1] if k is None else min(k, hits.rows.shape[1])
    ids: list[list[str]] = []
    scores, rows = np.zeros((len(hits.ids), keep), np.float32), np.zeros((len(hits.ids), keep), np.int64)
    for number, of_query in enumerate(hits.ids):
        new = np.asarray(scorer(number, of_query, hits.scores[number]), np.float32)
        if new.shape != (len(of_query),) or not np.isfinite(new).all():
            raise SearchError(f"re-ranking: {len(of_query)} finite scores are wanted for query {number}")
        scores[number], rows[number] = first(new, hits.rows[number], keep)
        name = dict(zip(hits.rows[number].tolist(), of_query, strict=True))
        ids.append([name[row] for row in rows[number].tolist()])
    return Hits(ids, scores, rows)
