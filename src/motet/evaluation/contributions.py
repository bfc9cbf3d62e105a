"""What each modality gives: accuracy as more of it goes missing, and its share of what the model knows.

A classifier is a callable {modality: present [N]} -> probabilities [N, C], as in `by_pattern`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation.by_pattern import Classifier
from motet.evaluation.metrics import log_loss

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
RATES = tuple(round(rate / 10, 1) for rate in range(10))  # 0 to 90 %
MIXED = "any of them"


def missing_rates(
    classifier: Classifier, present: Mapping[str, Bools], labels: Labels, *, seed: int = 0
) -> dict[str, list[dict[str, float]]]:
    """Accuracy and log-loss when cells go missing at random, for each modality alone, and each independently.

    At each of RATES a cell that is there is hidden with that chance; what is hidden at a rate stays hidden at higher
    ones, so that curves do not swing. Returns {modality or MIXED: [{"rate", "accuracy", "log_loss"}, ...]}.
    """
    random = np.random.default_rng(seed)
    luck = {modality: random.random(len(labels)) for modality in present}
    found = {}
    for name in (*present, MIXED):
        found[name] = [
            {"rate": rate, **_told(classifier(_hidden(present, luck, name, rate)), labels)} for rate in RATES
        ]
    return found


def shapley(classifier: Classifier, present: Mapping[str, Bools], labels: Labels) -> dict[str, Any]:
    """Exact Shapley values of the modalities for the mean log-likelihood of the labels, in nats a row.

    v(S) = - log-loss when only the modalities of S are shown; a modality's value is the mean, over all orders in which
    the modalities could be added, of what it adds (Shapley, 1953; Lundberg and Lee, 2017, eq. 4). They sum to what all
    of them together add to the prior. 2^M passes. Returns {"none", "all": log-loss, "values": {modality: nats}}.
    """
    names = list(present)
    worth: dict[frozenset[str], float] = {}
    for size in range(len(names) + 1):
        for chosen in combinations(names, size):
            shown = {m: have if m in chosen else np.zeros_like(have) for m, have in present.items()}
            worth[frozenset(chosen)] = -_told(classifier(shown), labels)["log_loss"]
    count = len(names)
    values = {}
    for name in names:
        others = [other for other in names if other != name]
        values[name] = sum(
            factorial(size)
            * factorial(count - size - 1)
            / factorial(count)
            * (worth[frozenset(chosen) | {name}] - worth[frozenset(chosen)])
            for size in range(count)
            for chosen in combinations(others, size)
        )
    return {"none": -worth[frozenset()], "all": -worth[frozenset(names)], "values": values}


def _hidden(
    present: Mapping[str, Bools], luck: Mapping[str, Floats], name: str, rate: float
) -> dict[str, Bools]:
    return {
        modality: have & (luck[modality] >= rate) if name in (modality, MIXED) else have
        for modality, have in present.items()
    }


def _told(probabilities: Floats, labels: Labels) -> dict[str, float]:
    right = probabilities.argmax(axis=1) == labels
    return {
        "accuracy": float(right.mean()),
        "log_loss": log_loss(np.log(np.maximum(probabilities, 1e-30)), labels),
    }
