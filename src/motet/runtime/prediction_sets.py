"""Sets of classes that hold the right one in a stated share of rows: conformal prediction, for each pattern apart.

Adaptive prediction sets (Romano, Sesia and Candès, "Classification with Valid and Adaptive Coverage", 2020, arXiv
2006.02544), Mondrian by pattern: the score of a class is the probability of all classes that are more probable, and
half of its own. (The paper draws a share of its own at random; half of it keeps a row's answer the same every time.)
A set holds the classes whose score is at most the quantile that the scores of right classes had on held-out rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
LEVELS = tuple(round(level / 100, 2) for level in range(50, 100))  # shares of rows that can be asked for


def set_scores(probabilities: Floats) -> Floats:
    """Score of every class of each row, [N, C] -> [N, C]; classes of equal probability in their own order."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    scores = np.empty_like(ranked)
    np.put_along_axis(scores, order, np.cumsum(ranked, axis=1) - ranked / 2, axis=1)
    return scores


def fit_thresholds(probabilities: Floats, labels: npt.NDArray[np.int64]) -> tuple[float | None, ...]:
    """Largest score that a set of each of LEVELS admits, from held-out rows [N, C], [N].

    The ceil((N + 1) level)-th smallest score of the right classes; None where N is too small for that level, and every
    class belongs to the set.
    """
    return quantiles(set_scores(probabilities)[np.arange(len(labels)), labels])


def quantiles(scores: Floats) -> tuple[float | None, ...]:
    """The ceil((N + 1) level)-th smallest of N scores for each of LEVELS; None where N is too small for it."""
    ordered = np.sort(scores)
    ranks = [int(np.ceil((len(ordered) + 1) * level - 1e-9)) for level in LEVELS]
    return tuple(float(ordered[rank - 1]) if rank <= len(ordered) else None for rank in ranks)


def prediction_sets(probabilities: Floats, threshold: float | None) -> Bools:
    """Which classes belong to the set of each row [N, C]: never none, since the most probable class always does."""
    if threshold is None:
        return np.ones(probabilities.shape, bool)
    inside = set_scores(probabilities) <= threshold
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return inside


def threshold_at(thresholds: Sequence[float | None], coverage: float) -> float | None:
    """The threshold for a coverage in 0.5 to 0.99: that of the next level that is no lower."""
    at = int(np.searchsorted(np.asarray(LEVELS), coverage - 1e-9))
    return thresholds[min(at, len(LEVELS) - 1)]
