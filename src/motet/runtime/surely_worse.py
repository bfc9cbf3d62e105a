"""A model that is worse than what costs nothing says so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from motet.evaluation import paired_difference

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
TAIL = 0.025  # of the bootstrap on either side: a 95 % interval


def worse_notes(
    figure: str, scores: Floats, baselines: Mapping[str, tuple[Rows, Floats]], *, seed: int
) -> list[str]:
    """A note for each baseline that is better than the model by more than the interval of the paired difference.

    figure : what the mean of `scores` [n] is called. baselines : by name, the rows that it answers, and its scores.
    """
    notes = []
    for name, (rows, theirs) in baselines.items():
        if not len(rows):
            continue
        mine = scores[rows].astype(np.float64)
        gain, low, high = paired_difference(theirs - mine, tail=TAIL, seed=seed)
        if low > 0:
            notes.append(
                f"the model is worse than the baseline {name}: {figure} {mine.mean():.3f} against {theirs.mean():.3f} "
                f"(difference {gain:.3f} [{low:.3f}, {high:.3f}]): prefer that one, or train on more rows"
            )
    return notes
