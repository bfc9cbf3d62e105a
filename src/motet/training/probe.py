"""Linear probes: logistic regression on one source, its penalty chosen on held-out rows.

Convex, so there is nothing to tune but the penalty, and the answer does not depend on a seed. A probe is both
the baseline that every report shows and the unimodal head of its source.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from motet.encoders import FeatureTable, SparseRows
from motet.evaluation import log_loss
from motet.fusion import Source
from motet.runtime.combination import log_softmax
from motet.tasks import LinearClassifier
from motet.training.designs import design, standardisation
from motet.training.folds import Fold
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
STEPS = tuple(float(10 ** (k / 2)) for k in range(-8, 6))  # inverse penalties: 1e-4 ... 316, half decades
START_DENSE, START_SPARSE = 4, 11  # .01 for standardised features, 32 for TF-IDF: usual optima
MAXIMUM_ITERATIONS = 200


@dataclass(frozen=True)
class Probe:
    """A probe fitted on all rows; its inverse penalty C; the held-out log-loss of each C tried; and for each fold the
    logits [n, C] of its held rows, by a probe fitted without them: NaN where a row has nothing of the source."""

    module: LinearClassifier
    inverse_penalty: float
    tried: dict[float, float]
    held_logits: list[npt.NDArray[np.floating]]


def fit_probe(
    source: Source,
    whole: Fold,
    folds: Sequence[Fold],
    classes: int,
    *,
    class_weights: Floats | None = None,
) -> Probe:
    """Choose C on the first fold, answer the held rows of every fold with it, and fit on the rows of `whole`.

    Rows where the source is absent are left out. The search begins at a usual value and walks downhill in half
    decades: log-loss in log C has one valley. Without a held row to choose on, the usual value is taken.
    """
    table = whole.tables[source.name]
    best = START_SPARSE if isinstance(table.rows, SparseRows) else START_DENSE
    tried: dict[int, tuple[npt.NDArray[np.floating], float]] = {}
    with one_thread():
        first = _Fit(source, folds[0], classes, class_weights) if folds else None
        if first is not None and first.can_choose:
            while True:
                for step in (best - 1, best, best + 1):
                    if 0 <= step < len(STEPS) and step not in tried:
                        tried[step] = first.held(STEPS[step])
                step = min((s for s in (best - 1, best, best + 1) if s in tried), key=lambda s: tried[s][1])
                if step == best:
                    break
                best = step
        held = [tried[best][0] if best in tried else first.held(STEPS[best])[0]] if first else []
        held += [_Fit(source, fold, classes, class_weights).held(STEPS[best])[0] for fold in folds[1:]]
        module = _Fit(source, whole, classes, class_weights).module(STEPS[best])
    return Probe(
        module,
        STEPS[best],
        {STEPS[step]: loss for step, (_, loss) in sorted(tried.items())},
        held,
    )


class _Fit:
    """One source and one fold, ready to be fitted with any penalty."""

    def __init__(self, source: Source, fold: Fold, classes: int, class_weights: Floats | None) -> None:
        self.source, self.fold, self.classes, self.class_weights = source, fold, classes, class_weights
        self.table: FeatureTable = fold.tables[source.name]
        self.rows = fold.fit[self.table.present[fold.fit]]
        self.checked = self.table.present[fold.held]  # [n] of the held rows
        self.mean, self.scale = standardisation(self.table, self.rows)
        self.design = design(self.table, self.rows, self.mean, self.scale)
        self.check = design(self.table, fold.held[self.checked], self.mean, self.scale)

    @property
    def can_choose(self) -> bool:
        return bool(self.checked.any())

    def held(self, inverse_penalty: float) -> tuple[npt.NDArray[np.floating], float]:
        """Logits [n, C] of the held rows, NaN where the source is absent, and their log-loss."""
        # Each fit starts from zero: started at a neighbour's answer, a solver that stops on small gradients
        # stays there, and all penalties look alike.
        weight, bias = self._solve(inverse_penalty)
        logits = np.full((len(self.checked), self.classes), np.nan)
        logits[self.checked] = np.asarray(self.check @ weight.T) + bias
        if not self.can_choose:
            return logits, 0.0
        wanted = self.fold.labels[self.fold.held[self.checked]]
        return logits, log_loss(log_softmax(logits[self.checked]), wanted)

    def module(self, inverse_penalty: float) -> LinearClassifier:
        """The fitted probe, in eval mode."""
        weight, bias = self._solve(inverse_penalty)
        arrays = (torch.from_numpy(np.array(a)) for a in (self.mean, self.scale, weight, bias))
        return LinearClassifier(self.source, *arrays).eval()

    def _solve(self, inverse_penalty: float) -> tuple[Floats, Floats]:
        labels = self.fold.labels[self.rows]
        return _logistic_regression(self.design, labels, self.classes, inverse_penalty, self.class_weights)


def _logistic_regression(
    design: Any,
    labels: npt.NDArray[np.int64],
    classes: int,
    inverse_penalty: float,
    class_weights: Floats | None,
) -> tuple[Floats, Floats]:
    """Weights [C, D] and biases [C]; classes without a row get the lowest bias and no weight."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(labels)
    if len(seen) < 2:  # nothing to tell apart: the one class, or none
        bias = np.full(classes, -10.0 if len(seen) else 0.0, np.float32)
        bias[seen] = 0
        return np.zeros((classes, design.shape[1]), np.float32), bias
    weights = None if class_weights is None else {int(k): float(class_weights[k]) for k in seen}
    model = LogisticRegression(C=inverse_penalty, max_iter=MAXIMUM_ITERATIONS, class_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design, labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn keeps one row for two classes: share it between them
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    weight = np.zeros((classes, coefficients.shape[1]), np.float32)
    bias = np.full(classes, intercept.min() - 10, np.float32)
    weight[seen], bias[seen] = coefficients, intercept
    return weight, bias
