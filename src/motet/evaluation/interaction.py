"""Whether interaction between modalities is used at all: the model against the additive model that is nearest to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.intervals import paired_difference

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
# (rows [n] that one part is taken from, rows [n] that the other is taken from) -> outputs [n, ...]
Pairs = Callable[[Rows, Rows], Floats]
RowFigures = Callable[[Floats], Mapping[str, Floats]]
AT_ONCE = 2**22  # numbers of the grid of pairs that are held at a time


def additive_projection(pairs: Pairs, rows: int) -> tuple[Floats, Floats]:
    """Outputs [N, ...] of the rows as they are, and their empirical multimodally-additive projection.

    f(a, b) is answered for all N x N pairs of one row's first part with another's second part. The projection,
    mean_b f(a_i, b) + mean_a f(a, b_i) - mean f, is the best fit to f, in squared error over the pairs, among all
    sums of a function of each part. What adds log-probabilities, as a product of experts does, is its own projection
    but for a constant, the same for each class, that makes them sum to one.

    Source: Hessel and Lee, "Does my multimodal model learn cross-modal interactions?", EMNLP 2020, arXiv 2010.06572,
    section 3.
    """
    everyone = np.arange(rows)
    own, of_first, of_second = [], [], np.zeros(0)
    begin, block = 0, 1
    while begin < rows:
        some = everyone[begin : begin + block]
        asked = pairs(np.repeat(some, rows), np.tile(everyone, len(some)))
        grid = asked.reshape(len(some), rows, *asked.shape[1:])
        own.append(grid[np.arange(len(some)), some])
        of_first.append(grid.mean(axis=1))
        of_second = grid.sum(axis=0) + (of_second if begin else 0)
        begin += len(some)
        block = max(1, AT_ONCE // grid[0].size)
    first = np.concatenate(of_first)
    return np.concatenate(own), first + of_second / rows - first.mean(axis=0)


def interaction_gap(
    pairs: Pairs, rows: int, figures: RowFigures, loss: str, *, seed: int = 0
) -> dict[str, Any]:
    """Figures of the model and of its additive projection on N rows, and how far they are apart.

    figures : of outputs [N, ...], each row's by name [N]; `loss` is the name of the one that is better lower.
    Returns {"model": {name: mean}, "additive": the same of the projection, "gap": {name: {"value", "low", "high"}}}:
    what the model has over its projection, above zero where interaction helps, with a paired bootstrap interval of 95 %
    over the rows (the projection held as it is).
    """
    model, additive = (figures(outputs) for outputs in additive_projection(pairs, rows))
    found: dict[str, Any] = {
        "model": {name: float(of_rows.mean()) for name, of_rows in model.items()},
        "additive": {name: float(of_rows.mean()) for name, of_rows in additive.items()},
        "gap": {},
    }
    for name in model:
        gap = additive[name] - model[name] if name == loss else model[name] - additive[name]
        value, low, high = paired_difference(gap, tail=0.025, seed=seed)
        found["gap"][name] = {"value": value, "low": low, "high": high}
    return found
