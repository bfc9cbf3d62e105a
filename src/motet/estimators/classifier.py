"""The scikit-learn habit: a classifier with fit, predict, predict_proba and score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from motet.data import Column, Schema, TargetKind, encode_labels, encode_target, read_table
from motet.errors import UsageError
from motet.estimators.base import MultimodalEstimator


class MultimodalClassifier(MultimodalEstimator):
    """A classifier of rows that hold pictures, words and numbers, any of which may be missing.

    Parameters and attributes are those of `MultimodalEstimator`, and:

    Attributes
    ----------
    classes_ : array of the classes, of the labels' own type.
    """

    # scikit-learn's estimator protocol, written here so that it need not be installed to predict.
    _estimator_type = "classifier"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=self.multilabel),
            classifier_tags=ClassifierTags(multi_label=self.multilabel),
            input_tags=InputTags(two_d_array=False, string=True, allow_nan=True),
        )

    def fit(self, X: Any, y: Any = None, *, label: str | None = None) -> Self:
        """Train on a table; see `MultimodalEstimator.fit`."""
        super().fit(X, y, label=label)
        self.classes_ = _typed(self.model_.classes, self.model_.manifest.class_type)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable class of each row [N], of the labels' own type; or which labels it has [N, C], 0 or 1."""
        if self.multilabel:
            answers = self._fitted().predict(X, image_root=self.image_root)
            given = [set(one.prediction) for one in answers if isinstance(one.prediction, list)]
            told = [[int(name in one) for name in self._fitted().classes] for one in given]
            return np.array(told, np.int64).reshape(len(given), len(self._fitted().classes))
        best = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[Any] = self.classes_[best]
        return predicted

    def predict_proba(self, X: Any) -> npt.NDArray[np.floating]:
        """Probabilities [N, C], classes in the order of `classes_`."""
        return self._fitted().predict_proba(X, image_root=self.image_root)

    def score(self, X: Any, y: Any = None) -> float:
        """Accuracy on labels y [N] of all rows; where y is None, on the label column of X, as `evaluate` measures it.

        Rows without a label are left out. Of several labels a row: the share of rows where all are right; y is then a
        list of names for each row, or 0 and 1 [N, C] as `predict` gives them.
        """
        if y is None:
            name = "subset_accuracy" if self.multilabel else "accuracy"
            return float(self.evaluate(X)["overall"]["metrics"][name]["value"])
        if self.multilabel:
            return self._score_of_labels(X, y)
        model = self._fitted()
        given = Schema((Column("label", "categorical", "label"),))
        truth = encode_labels(read_table({"label": list(y)}), given, model.classes).values
        best = self.predict_proba(X).argmax(axis=1)
        if len(best) != len(truth):
            raise UsageError(f"X has {len(best)} rows and y {len(truth)}")
        return float(np.mean((best == truth)[truth != -1]))

    def _score_of_labels(self, X: Any, y: Any) -> float:
        if getattr(y, "ndim", 1) == 2:
            told, wanted = self.predict(X), np.asarray(y)
            if told.shape != wanted.shape:
                raise UsageError(f"y has the shape {wanted.shape}, and the answers {told.shape}")
            return float((told == wanted).all(axis=1).mean())
        given = Schema((Column("label", "other", "label"),))
        found = encode_target(read_table({"label": list(y)}), given, "labels", self._fitted().classes)
        predicted = self.predict(X)
        if len(predicted) != len(found.values):
            raise UsageError(f"X has {len(predicted)} rows and y {len(found.values)}")
        predicted = np.pad(predicted, ((0, 0), (0, found.truth.shape[1] - predicted.shape[1])))
        return float((predicted == found.truth).all(axis=1)[found.values >= 0].mean())

    def _target(self) -> TargetKind:
        return "labels" if self.multilabel else "class"


def _typed(classes: Sequence[str], kind: str) -> npt.NDArray[Any]:
    if kind == "integer":
        return np.array([int(name) for name in classes])
    if kind == "float":
        return np.array([float(name) for name in classes])
    if kind == "boolean":
        return np.array([name == "true" for name in classes])
    return np.array(classes, dtype=object)
