"""A number for each row: regression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation import r_squared, regression_metrics
from motet.model import PatternEntry, TargetEntry
from motet.runtime.prediction_sets import quantiles, threshold_at
from motet.runtime.target import Floats, Target, Truth


class NumberTarget(Target):
    """A number: O = 1, deviations from the mean of the training rows in units of theirs; squared error.

    mean, scale : of the numbers of the training rows.
    """

    kind = "number"
    task = "regress"
    loss = "relative_squared_error"
    score = "r2"
    calibrated = False
    prior_name = "mean"
    prior_words = "the mean"
    loss_words = "relative squared error"
    usual_way = "late-mean"
    outputs = 1

    def __init__(self, mean: float, scale: float) -> None:
        self.mean, self.scale = mean, scale

    @property
    def entry(self) -> TargetEntry:
        """As it stands in `motet.json`."""
        return TargetEntry(self.kind, self.mean, self.scale)

    def deviations(self, truth: Truth) -> Floats:
        """Numbers [...] as heads answer them."""
        made: Floats = (truth - self.mean) / self.scale
        return made

    def even_truth(self) -> Truth:
        """The mean."""
        return np.array([self.mean])

    def normal(self, combined: Floats) -> Floats:
        """As they are."""
        return combined

    def answers(self, combined: Floats) -> Floats:
        """Numbers [B, 1] in the unit of the label."""
        numbers: Floats = combined.astype(np.float64) * self.scale + self.mean
        return numbers

    def row_losses(self, answers: Floats, truth: Truth) -> Floats:
        """Squared error of each row, in variances of the training rows: near 1 for their mean."""
        errors: Floats = ((answers[:, 0] - truth) / self.scale) ** 2
        return errors

    def score_of(self, answers: Floats, truth: Truth) -> float:
        """R2."""
        return r_squared(answers[:, 0], truth)

    def explained(self, answers: Floats) -> Callable[[Floats], Floats]:
        """The number [B]."""
        return lambda others: others[:, 0]

    def thresholds(self, answers: Floats, truth: Truth) -> tuple[float | None, ...]:
        """Half the width of the interval of each level: split conformal prediction.

        Source: Lei et al., "Distribution-Free Predictive Inference for Regression", 2018, arXiv 1604.04173, alg. 2.
        """
        return quantiles(np.abs(answers[:, 0] - truth))

    def metrics(self, answers: Floats, truth: Truth, *, seed: int, draws: int = 1000) -> Mapping[str, Any]:
        """MAE, RMSE and R2."""
        return regression_metrics(answers[:, 0], truth, seed=seed, draws=draws)

    def details(self, answers: Floats, truth: Truth) -> dict[str, Any]:
        """Nothing."""
        return {}

    def worst(self, answers: Floats, truth: Truth) -> npt.NDArray[np.int64]:
        """All rows, the farthest off first."""
        return np.argsort(-np.abs(answers[:, 0] - truth), kind="stable")

    def told(self, answers: Floats, entry: PatternEntry, coverage: float | None) -> list[dict[str, Any]]:
        """The number, and the interval of a coverage: without ends where too few rows were held out to know them."""
        made: list[dict[str, Any]] = [{"prediction": float(value)} for value in answers[:, 0]]
        if coverage is not None:
            half = threshold_at(entry.thresholds, coverage)
            for one in made:
                value = one["prediction"]
                one["interval"] = (None, None) if half is None else (value - half, value + half)
        return made
