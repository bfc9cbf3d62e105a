"""The scikit-learn habit: fit, predict, score."""

from __future__ import annotations

from motet.estimators.classifier import MultimodalClassifier
from motet.estimators.regressor import MultimodalRegressor

__all__ = ["MultimodalClassifier", "MultimodalRegressor"]
