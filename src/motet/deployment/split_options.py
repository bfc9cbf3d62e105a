"""What the options of every task say of the rows that test and choose, and of the seed that draws them."""

from __future__ import annotations

import numpy as np

from motet.errors import UsageError


def check_seed(seed: int) -> None:
    """Raise UsageError for a seed that draws nothing."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise UsageError(f"the seed is a whole number from 0 to {2**32 - 1}, not {seed!r}")


def check_split(test_size: float, validation_size: float, seed: int, *, of: str) -> None:
    """Raise UsageError for shares that are none or leave nothing to train on, and for a seed that draws nothing.

    of : what is shared out, in the plural: `rows`, `pictures`.
    """
    check_seed(seed)
    for name, size in (("test_size", test_size), ("validation_size", validation_size)):
        if isinstance(size, bool) or not isinstance(size, int | float | np.number):
            raise UsageError(f"{name} is a share of the {of}, from 0 to below 1, not {size!r}")
    if not (0 <= test_size < 1 and 0 <= validation_size < 1):
        raise UsageError(f"test and validation sizes are shares of the {of}: from 0 to below 1")
    if test_size + validation_size >= 1:
        raise UsageError(f"test and validation sizes together leave no {of} to train on: below 1 in sum")
