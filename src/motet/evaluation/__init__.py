"""Answers become numbers: metrics with intervals, by pattern. Arrays and callables in, numbers out."""

from __future__ import annotations

from motet.evaluation.by_pattern import class_table, evaluate_patterns, row_patterns
from motet.evaluation.contributions import missing_rates, shapley
from motet.evaluation.intervals import classification_metrics, paired_difference
from motet.evaluation.label_errors import LabelErrors, label_errors
from motet.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    macro_f1,
    precision_recall_f1,
    row_log_loss,
)
from motet.evaluation.multilabel import label_table, multilabel_metrics, row_label_loss
from motet.evaluation.regression import r_squared, regression_metrics
from motet.evaluation.reliability import reliability

__all__ = [
    "LabelErrors",
    "accuracy",
    "class_table",
    "classification_metrics",
    "confusion_matrix",
    "evaluate_patterns",
    "expected_calibration_error",
    "label_errors",
    "label_table",
    "log_loss",
    "macro_f1",
    "missing_rates",
    "multilabel_metrics",
    "paired_difference",
    "precision_recall_f1",
    "r_squared",
    "regression_metrics",
    "reliability",
    "row_label_loss",
    "row_log_loss",
    "row_patterns",
    "shapley",
]
