"""The scikit-learn habit: a regressor with fit, predict and score."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import TargetKind
from motet.errors import UsageError
from motet.estimators.base import MultimodalEstimator
from motet.evaluation import r_squared


class MultimodalRegressor(MultimodalEstimator):
    """A regression model of rows that hold pictures, words and numbers, any of which may be missing.

    Parameters and attributes are those of `MultimodalEstimator`; `class_weights` and `multilabel` do not apply.
    """

    _estimator_type = "regressor"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(two_d_array=False, string=True, allow_nan=True),
        )

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The number of each row [N], in the unit of the label."""
        answers = self._fitted().predict(X, image_root=self.image_root)
        return np.array([one.prediction for one in answers], np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """R2 on numbers y [N] of all rows; where y is None, on the label column of X, as `evaluate` measures it.

        Rows without a number are left out.
        """
        if y is None:
            return float(self.evaluate(X)["overall"]["metrics"]["r2"]["value"])
        truth, predicted = np.asarray(y, np.float64), self.predict(X)
        if len(predicted) != len(truth):
            raise UsageError(f"X has {len(predicted)} rows and y {len(truth)}")
        known = np.isfinite(truth)
        return r_squared(predicted[known], truth[known])

    def _target(self) -> TargetKind:
        if self.multilabel:
            raise UsageError("a regressor learns one number a row: multilabel is of MultimodalClassifier")
        return "number"
