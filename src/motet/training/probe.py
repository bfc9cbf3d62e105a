"""Linear probes: logistic regression on one source, its penalty chosen on validation rows.

Convex, so there is nothing to tune but the penalty, and the answer does not depend on a seed. A probe is both
the baseline that every report shows and the unimodal head of its source.
"""

from __future__ import annotations

import warnings
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

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
STEPS = tuple(float(10 ** (k / 2)) for k in range(-8, 6))  # inverse penalties: 1e-4 ... 316, half decades
START_DENSE, START_SPARSE = 6, 12  # 0.1 for standardised features, 100 for TF-IDF: usual optima
MAXIMUM_ITERATIONS = 200


@dataclass(frozen=True)
class Probe:
    """A fitted probe: the module, its inverse penalty C, and what each C tried gave on validation rows."""

    module: LinearClassifier
    inverse_penalty: float
    tried: dict[float, float]


def fit_probe(
    source: Source,
    table: FeatureTable,
    labels: npt.NDArray[np.int64],
    train: Rows,
    validation: Rows,
    classes: int,
    *,
    class_weights: Floats | None = None,
) -> Probe:
    """Fit on the training rows where the source is present; choose C by log-loss on such validation rows.

    The search begins at a usual value and walks downhill in half decades: log-loss in log C has one valley.
    With no validation row to choose on, the usual value is taken.
    """
    train, validation = train[table.present[train]], validation[table.present[validation]]
    mean, scale = standardisation(table, train)
    design, check = _design(table, train, mean, scale), _design(table, validation, mean, scale)
    sparse = isinstance(table.rows, SparseRows)
    fitted: dict[int, tuple[Floats, Floats, float]] = {}

    def loss(step: int) -> float:
        if step not in fitted:
            # Each fit starts from zero: started at a neighbour's answer, a solver that stops on small gradients
            # stays there, and all penalties look alike.
            weight, bias = _logistic_regression(design, labels[train], classes, STEPS[step], class_weights)
            logits = np.asarray(check @ weight.T) + bias
            value = log_loss(log_softmax(logits), labels[validation]) if len(validation) else 0.0
            fitted[step] = (weight, bias, value)
        return fitted[step][2]

    best = START_SPARSE if sparse else START_DENSE
    if len(validation):
        while True:
            step = min((s for s in (best - 1, best, best + 1) if 0 <= s < len(STEPS)), key=loss)
            if step == best:
                break
            best = step
    loss(best)
    weight, bias, _ = fitted[best]
    module = LinearClassifier(source, *(torch.from_numpy(np.array(a)) for a in (mean, scale, weight, bias)))
    return Probe(module.eval(), STEPS[best], {STEPS[step]: made[2] for step, made in sorted(fitted.items())})


def standardisation(table: FeatureTable, rows: Rows, *, sample: int = 50_000) -> tuple[Floats, Floats]:
    """Mean and 1 / deviation [D] of a source over training rows; 0 and 1 for sparse ones, to keep zeros."""
    if isinstance(table.rows, SparseRows):
        return np.zeros(table.width, np.float32), np.ones(table.width, np.float32)
    rows = rows[table.present[rows]]
    rows = rows[:: max(1, -(-len(rows) // sample))]
    if len(rows) == 0:
        return np.zeros(table.width, np.float32), np.ones(table.width, np.float32)
    values = table.rows.dense(rows)
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    # A feature that hardly varies carries noise, which must not be blown up to unit size.
    floor = max(float(np.median(deviation)) * 1e-3, 1e-8)
    scale = np.where(deviation > floor, 1 / np.maximum(deviation, floor), 0)
    return mean.astype(np.float32), scale.astype(np.float32)


def _design(table: FeatureTable, rows: Rows, mean: Floats, scale: Floats) -> Any:
    if isinstance(table.rows, SparseRows):
        from scipy.sparse import csr_matrix

        whole = table.rows
        return csr_matrix((whole.values, whole.columns, whole.start), shape=(len(whole), whole.width))[rows]
    return (table.rows.dense(rows) - mean) * scale


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
