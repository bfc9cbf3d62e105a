"""Batches of rows of near lengths, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def near_lengths(
    rows: Rows, lengths_of: Callable[[Rows], Rows], size: int, window: int, random: np.random.Generator
) -> list[Rows]:
    """The rows in random order, in ceil(n / size) parts, each of rows that are near in length.

    Of every `window` parts in turn, rows are put in order of `lengths_of`: the longer it is, the less is padding, and
    the more a part is all short or all long.
    """
    shuffled = random.permutation(rows)
    parts: list[Rows] = []
    for begin in range(0, len(rows), window * size):
        some = shuffled[begin : begin + window * size]
        by_length = some[np.argsort(lengths_of(some), kind="stable")]
        parts += np.array_split(by_length, -(-len(some) // size))
    return [parts[place] for place in random.permutation(len(parts))]
