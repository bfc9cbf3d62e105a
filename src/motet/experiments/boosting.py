"""Gradient boosting on the tabular source: the baseline that tables of numbers are used to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.runtime.number_target import NumberTarget
from motet.runtime.target import Target
from motet.training import Fold

Floats = npt.NDArray[np.floating]
BOOSTING = "tabular:gradient boosting"
SMALLEST = 6e-6  # probability of a class that a fold does not fit on
MOST_LABELS = 50  # each is a model of its own


def fit_boosting(folds: Sequence[Fold], source: str, target: Target, seed: int) -> list[Floats]:
    """Logits [n, O] of each fold's held rows, by scikit-learn's histogram gradient boosting; labels one by one.

    NaN where a row has nothing of the source; a class that a fold does not fit on gets e^-12.
    """
    return [_held_logits(fold, source, target, seed) for fold in folds]


def _held_logits(fold: Fold, source: str, target: Target, seed: int) -> Floats:
    table = fold.tables[source]
    fit, asked = fold.fit[table.present[fold.fit]], table.present[fold.held]
    made = np.full((len(fold.held), target.outputs), np.nan)
    if not asked.any():
        return made
    known, wanted = table.rows.dense(fit), table.rows.dense(fold.held[asked])
    truth = fold.labels[fit]
    if isinstance(target, NumberTarget):
        made[asked, 0] = _deviations(known, target.deviations(truth), wanted, seed)
    elif target.kind == "labels":
        for label in range(target.outputs):
            logs = _log_probabilities(known, truth[:, label].astype(np.int64), wanted, 2, seed)
            made[asked, label] = logs[:, 1] - logs[:, 0]
    else:
        made[asked] = _log_probabilities(known, truth, wanted, target.outputs, seed)
    return made


def _deviations(known: Floats, deviations: Floats, wanted: Floats, seed: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingRegressor

    if not len(known):
        return np.zeros(len(wanted))
    model = HistGradientBoostingRegressor(random_state=seed).fit(known, deviations)
    return np.asarray(model.predict(wanted), np.float64)


def _log_probabilities(
    known: Floats, truth: npt.NDArray[Any], wanted: Floats, classes: int, seed: int
) -> Floats:
    """Logarithms of probabilities [n, C], all alike where there is nothing to learn from."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    there = np.unique(truth)
    if not len(there):
        return np.zeros((len(wanted), classes))
    p = np.zeros((len(wanted), classes))
    if len(there) == 1:
        p[:, there] = 1
    else:
        model = HistGradientBoostingClassifier(random_state=seed).fit(known, truth)
        p[:, model.classes_] = model.predict_proba(wanted)
    logs: Floats = np.log(np.maximum(p, SMALLEST))
    return logs
