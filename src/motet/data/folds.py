"""Which rows are held out together, so that every row can be answered by heads that never saw it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def make_folds(units: Rows, classes: Rows, *, count: int, seed: int = 0) -> Rows:
    """Return [n] the fold of each row, from 0 to at most `count` - 1, with none left out in between.

    units [n] : rows of one number stay in one fold. classes [n] : folds are stratified by class. Where units are large
    folds may be uneven, or fewer than asked for. The same rows and seed give the same folds.
    """
    _, unit, size = np.unique(units, return_inverse=True, return_counts=True)
    first = np.zeros(len(size), np.int64)
    first[unit] = classes
    held = np.zeros((count, int(classes.max(initial=0)) + 1), np.int64)  # rows of each class in each fold
    fold = np.full(len(size), -1, np.int64)
    order = np.random.default_rng(seed).permutation(len(size))
    # Large units first, each where its class has the fewest rows, then where there are fewest at all.
    large = order[size[order] > 1]
    rows_of = np.argsort(unit, kind="stable")
    begins = np.concatenate([[0], np.cumsum(size)])
    for one in large[np.argsort(-size[large], kind="stable")]:
        mine = np.bincount(classes[rows_of[begins[one] : begins[one + 1]]], minlength=held.shape[1])
        fold[one] = np.lexsort((held.sum(axis=1), held @ mine))[0]
        held[fold[one]] += mine
    small = order[size[order] == 1]
    for label in np.unique(first[small]):
        mine = small[first[small] == label]
        # Each fold has places at its own level and above: the lowest are filled.
        level = (held[:, label][:, None] + np.arange(len(mine))).ravel()
        whole = np.repeat(held.sum(axis=1), len(mine))
        lowest = np.lexsort((whole, level))[: len(mine)]
        fold[mine] = lowest // len(mine)
        held[:, label] += np.bincount(fold[mine], minlength=count)
    _, fold = np.unique(fold, return_inverse=True)
    return fold[unit]
