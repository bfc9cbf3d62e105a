"""The scikit-learn habit: fit, predict, predict_proba, score; and fit, embed, search of a space."""

from __future__ import annotations

from motet.estimators.answerer import VisualQuestionAnswerer
from motet.estimators.classifier import MultimodalClassifier
from motet.estimators.regressor import MultimodalRegressor
from motet.estimators.retriever import MultimodalRetriever

__all__ = ["MultimodalClassifier", "MultimodalRegressor", "MultimodalRetriever", "VisualQuestionAnswerer"]
