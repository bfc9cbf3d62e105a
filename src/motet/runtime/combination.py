"""Combiners: the logits of several heads become one, on numpy alone; training and selection call them too.

Shapes: K heads, B rows, C classes. A head that has nothing for a row (`present` False) takes no part in it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from motet.model import PatternEntry

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
LEAST = 1e-12


def log_softmax(logits: Floats) -> Floats:
    """Logarithm of the softmax over the last axis, in float64."""
    shifted: Floats = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def late_product(logits: Floats, present: Bools, weights: Floats) -> Floats:
    """Product of experts: sum_k w_k log p_k (Hinton, 2002); [K, B, C], [K, B], [K] -> [B, C].

    Not divided by the number of heads present: two heads that agree are surer than one. `late-stacked` is this rule
    with weights that were learned.
    """
    share = weights[:, None] * present
    known = np.where(present[:, :, None], log_softmax(_without_absent(logits, present)), 0)
    product: Floats = np.einsum("kb,kbc->bc", share, known)
    return product


def late_mean(logits: Floats, present: Bools, weights: Floats) -> Floats:
    """Mixture of experts: log of the weighted mean of p_k over the heads present; [K, B, C] -> [B, C]."""
    known = np.exp(log_softmax(_without_absent(logits, present)))
    mean: Floats = np.log(np.maximum(np.einsum("kb,kbc->bc", _shares(present, weights), known), LEAST))
    return mean


def late_vote(logits: Floats, present: Bools, weights: Floats) -> Floats:
    """Plurality vote: log((v + m) / 2), v the share of the heads present that put a class first, m their mean
    probability, which breaks ties and keeps the order of classes that nobody put first; [K, B, C] -> [B, C]."""
    known = np.exp(log_softmax(_without_absent(logits, present)))
    first = np.eye(logits.shape[2])[known.argmax(axis=2)]
    both = np.einsum("kb,kbc->bc", _shares(present, weights), (first + known) / 2)
    voted: Floats = np.log(np.maximum(both, LEAST))
    return voted


def weighted_sum(logits: Floats, present: Bools, weights: Floats) -> Floats:
    """sum_k w_k z_k over the heads present, of numbers: deviations from a common mean; [K, B, 1] -> [B, 1]."""
    total: Floats = np.einsum("kb,kbc->bc", weights[:, None] * present, _without_absent(logits, present))
    return total


COMBINERS: dict[str, Callable[[Floats, Bools, Floats], Floats]] = {
    "product": late_product,
    "mean": late_mean,
    "vote": late_vote,
    "sum": weighted_sum,
}


def combine(
    rule: str, logits: Floats, present: Bools, weights: Floats, temperatures: Floats | None = None
) -> Floats:
    """Combine by the named rule, each head's logits divided by its temperature [K] first.

    A row in which no head is present gets equal logits (zeros). Where a row is several answers, logits [K, B, L, C]
    become [B, L, C], each answer by itself.
    """
    if logits.ndim > 3:
        each = logits.reshape(len(logits), -1, logits.shape[-1])
        of_each = np.repeat(present, logits.shape[2], axis=1)
        return combine(rule, each, of_each, weights, temperatures).reshape(logits.shape[1:])
    if temperatures is not None:
        logits = logits / temperatures[:, None, None]
    combined = COMBINERS[rule](logits, present, weights)
    answered = np.asarray(present.any(axis=0))
    return np.where(answered[:, None], combined, 0)


def tempered(entry: PatternEntry, logits: Floats) -> Floats:
    """What a pattern's entry makes of the logits [K, B, ...] of its members, divided by its temperature: [B, ...]."""
    weights = np.array([member.weight for member in entry.members])
    temperatures = np.array([member.temperature for member in entry.members])
    combined = combine(entry.rule, logits, np.ones(logits.shape[:2], bool), weights, temperatures)
    return combined / entry.temperature


def _shares(present: Bools, weights: Floats) -> Floats:
    """Weights [K, B] of the heads present in each row, made to sum to one."""
    share = weights[:, None] * present
    made: Floats = share / np.maximum(share.sum(axis=0, keepdims=True), LEAST)
    return made


def _without_absent(logits: Floats, present: Bools) -> Floats:
    """Numbers of absent heads are never looked at: they may be NaN."""
    return np.where(present[:, :, None], logits, 0)
