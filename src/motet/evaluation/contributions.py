"""What each modality gives: figures as more of it goes missing, and its share of what the model knows.

A classifier is a callable {modality: present [N]} -> answers [N, ...], as in `by_pattern`: probabilities, or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.by_pattern import Classifier

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
RATES = tuple(round(rate / 10, 1) for rate in range(10))  # 0 to 90 %
MIXED = "any of them"


def missing_rates(
    classifier: Classifier,
    present: Mapping[str, Bools],
    figures: Callable[[Floats], Mapping[str, float | None]],
    *,
    seed: int = 0,
) -> dict[str, list[dict[str, float | None]]]:
    """Figures of the answers when cells go missing at random, for each modality alone, and each independently.

    At each of RATES a cell that is there is hidden with that chance; what is hidden at a rate stays hidden at higher
    ones, so that curves do not swing. Returns {modality or MIXED: [{"rate", **figures}, ...]}.
    """
    random = np.random.default_rng(seed)
    luck = {modality: random.random(len(have)) for modality, have in present.items()}
    found = {}
    for name in (*present, MIXED):
        found[name] = [
            {"rate": rate, **figures(classifier(_hidden(present, luck, name, rate)))} for rate in RATES
        ]
    return found


def shapley(
    classifier: Classifier, present: Mapping[str, Bools], loss: Callable[[Floats], float]
) -> dict[str, Any]:
    """Exact Shapley values of the modalities for the loss of the answers: what each takes off it, in its unit.

    v(S) = - loss when only the modalities of S are shown; a modality's value is the mean, over all orders in which the
    modalities could be added, of what it adds (Shapley, 1953; Lundberg and Lee, 2017, eq. 4). They sum to what all of
    them together take off the loss of the prior. 2^M passes. Returns {"none", "all": loss, "values": {modality: gain}}.
    """
    worth = {
        chosen: np.asarray(-loss(classifier(_shown(present, chosen)))) for chosen in _coalitions(present)
    }
    values = {name: float(value) for name, value in _shapley_values(worth, list(present)).items()}
    return {"none": -float(worth[frozenset()]), "all": -float(worth[frozenset(present)]), "values": values}


def row_contributions(
    classifier: Classifier,
    present: Mapping[str, Bools],
    answers: Floats,
    answered: Callable[[Floats], Floats],
) -> dict[str, Floats]:
    """Exact Shapley values [N, ...] of each modality for what each row was answered.

    answers [N, C] : what the classifier gives with all that rows have. answered : of such answers what is divided, [N]
    or [N, K]: the probability of the class that is predicted, the number, or the probability of each label. v(S) is
    that when only the modalities of S are shown; without any it is the prior's. A row's values sum to v(all) - v(none),
    and one that it lacks is worth 0. 2^M passes, of which two are known or cost nothing.
    """
    worth: dict[frozenset[str], Floats] = {}
    for chosen in _coalitions(present):
        everything = len(chosen) == len(present)
        told = answered(answers if everything else classifier(_shown(present, chosen)))
        for name in chosen:
            # The same answer, and not one that differs by rounding: what is not there is worth nothing at all.
            there = present[name].reshape(-1, *(1 for _ in told.shape[1:]))
            told = np.where(there, told, worth[chosen - {name}])
        worth[chosen] = told
    return _shapley_values(worth, list(present))


def _coalitions(names: Iterable[str]) -> list[frozenset[str]]:
    """Every set of the modalities, the smaller ones first."""
    known = list(names)
    return [frozenset(chosen) for size in range(len(known) + 1) for chosen in combinations(known, size)]


def _shapley_values(worth: Mapping[frozenset[str], Floats], names: Sequence[str]) -> dict[str, Floats]:
    """The mean, over all orders, of what each name adds to the worth of those before it."""
    count = len(names)
    values: dict[str, Floats] = {}
    for name in names:
        gains = [
            factorial(len(before))
            * factorial(count - len(before) - 1)
            / factorial(count)
            * (worth[before | {name}] - worth[before])
            for before in _coalitions(other for other in names if other != name)
        ]
        values[name] = np.sum(gains, axis=0)
    return values


def _shown(present: Mapping[str, Bools], chosen: frozenset[str]) -> dict[str, Bools]:
    return {m: have if m in chosen else np.zeros_like(have) for m, have in present.items()}


def _hidden(
    present: Mapping[str, Bools], luck: Mapping[str, Floats], name: str, rate: float
) -> dict[str, Bools]:
    return {
        modality: have & (luck[modality] >= rate) if name in (modality, MIXED) else have
        for modality, have in present.items()
    }
