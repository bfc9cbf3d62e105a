"""Ways to answer one pattern with a number: heads are averaged, or summed with weights that rows teach.

Heads answer with deviations from one mean, so that their weighted sum is again such a deviation: where two modalities
tell of different parts of a number, each weight is near one, as in a product of experts. K heads, n rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motet.model import Member
from motet.runtime.number_target import NumberTarget
from motet.selection.ensemble import greedy_shares
from motet.selection.way import COMBINED, FUSED, SINGLE, Expert, Floats, Learn, Logits, Truth, Way

PULL = 2e-3  # towards the plain mean


def number_ways(
    unimodal: Sequence[Sequence[str]], fused: Sequence[str], experts: Sequence[Expert], target: NumberTarget
) -> list[Way]:
    """Every candidate: each head, the mean of one modality's, and of several what is learned.

    unimodal : heads of each modality. experts : the best single way of each modality where there are several.
    """
    found = []
    for names in unimodal:
        found += [Way(name, SINGLE, "sum", (name,), _mean((name,))) for name in names]
        if len(names) > 1:
            found.append(
                Way(f"mean of {' and '.join(names)}", SINGLE, "sum", tuple(names), _mean(tuple(names)))
            )
    found += [Way(name, FUSED, "sum", (name,), _mean((name,))) for name in fused]
    if experts:
        theirs = tuple(head for expert in experts for head in expert.heads)
        found += [
            Way("late-mean", COMBINED, "sum", theirs, _late_mean(experts)),
            Way("late-stacked", COMBINED, "sum", theirs, _stacked(experts, target)),
        ]
    every = (*(name for names in unimodal for name in names), *fused)
    if len(every) > 1:
        found.append(Way("ensemble-mean", COMBINED, "sum", every, _greedy(every, target)))
    return found


def _mean(names: tuple[str, ...]) -> Learn:
    return lambda logits, truth: tuple(Member(name, 1 / len(names)) for name in names)


def _late_mean(experts: Sequence[Expert]) -> Learn:
    return lambda logits, truth: tuple(
        Member(head, 1 / (len(experts) * len(expert.heads))) for expert in experts for head in expert.heads
    )


def _stacked(experts: Sequence[Expert], target: NumberTarget) -> Learn:
    """Weights, 0 or more, of each modality's expert: least squares, pulled a little towards their mean."""

    def learn(logits: Logits, truth: Truth) -> tuple[Member, ...]:
        each = [np.mean([logits[head][:, 0] for head in expert.heads], axis=0) for expert in experts]
        weights = stacked_sum(np.stack(each), target.deviations(truth))
        return tuple(
            Member(head, float(weight) / len(expert.heads))
            for expert, weight in zip(experts, weights, strict=True)
            for head in expert.heads
        )

    return learn


def stacked_sum(each: Floats, wanted: Floats) -> Floats:
    """Weights [K], 0 or more, that minimise mean (y - sum_k w_k z_k)^2 + PULL |w - 1/K|^2 of answers z [K, n] to y [n].

    Non-negative stacked regression (Breiman, "Stacked Regressions", 1996), solved one weight after the other, which for
    a convex quadratic with bounds finds the minimum.
    """
    count, n = each.shape
    gram = each @ each.T / n + PULL * np.eye(count)
    pull = each @ wanted / n + PULL / count
    weights = np.full(count, 1 / count)
    for _ in range(1000):
        before = weights.copy()
        for k in range(count):
            weights[k] = max(0.0, weights[k] + (pull[k] - gram[k] @ weights) / gram[k, k])
        if np.abs(weights - before).max() < 1e-9:
            break
    return weights


def _greedy(names: Sequence[str], target: NumberTarget) -> Learn:
    """Shares, which sum to one, by greedy selection with replacement (Caruana et al., 2004)."""

    def learn(logits: Logits, truth: Truth) -> tuple[Member, ...]:
        wanted = target.deviations(truth)
        each = np.stack([logits[name][:, 0] for name in names])
        shares = greedy_shares(each, lambda mean: float(((mean - wanted) ** 2).mean()))
        return tuple(
            Member(name, float(share)) for name, share in zip(names, shares, strict=True) if share > 0
        )

    return learn
