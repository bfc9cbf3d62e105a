"""The scikit-learn habit: fit, predict, predict_proba, score; and fit, embed, search of a space; fit, describe."""

from __future__ import annotations

from motet.estimators.answerer import VisualQuestionAnswerer
from motet.estimators.captioner import Captioner
from motet.estimators.classifier import MultimodalClassifier
from motet.estimators.pretrainer import MultimodalPretrainer
from motet.estimators.regressor import MultimodalRegressor
from motet.estimators.retriever import MultimodalRetriever

__all__ = [
    "Captioner",
    "MultimodalClassifier",
    "MultimodalPretrainer",
    "MultimodalRegressor",
    "MultimodalRetriever",
    "VisualQuestionAnswerer",
]
