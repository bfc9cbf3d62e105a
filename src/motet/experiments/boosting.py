"""Gradient boosting on the tabular source: the baseline that tables of numbers are used to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from motet.training import Fold

Floats = npt.NDArray[np.floating]


def fit_boosting(folds: Sequence[Fold], source: str, classes: int, seed: int) -> list[Floats]:
    """Logarithms of probabilities [n, C] of each fold's held rows, by scikit-learn's histogram gradient boosting.

    NaN where a row has nothing of the source; a class that a fold does not fit on gets e^-12.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    held = []
    for fold in folds:
        table = fold.tables[source]
        fit, asked = fold.fit[table.present[fold.fit]], table.present[fold.held]
        made = np.full((len(fold.held), classes), np.nan)
        if len(np.unique(fold.labels[fit])) > 1 and asked.any():
            model = HistGradientBoostingClassifier(random_state=seed).fit(
                table.rows.dense(fit), fold.labels[fit]
            )
            p = np.zeros((int(asked.sum()), classes))
            p[:, model.classes_] = model.predict_proba(table.rows.dense(fold.held[asked]))
            made[asked] = np.log(np.maximum(p, 6e-6))
        elif asked.any():
            made[asked] = 0
        held.append(made)
    return held
