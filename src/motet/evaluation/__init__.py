"""Answers become numbers: metrics with intervals, by pattern. Arrays and callables in, numbers out."""

from __future__ import annotations

from motet.evaluation.by_pattern import class_table, evaluate_patterns, row_patterns
from motet.evaluation.contributions import missing_rates, row_contributions, shapley
from motet.evaluation.interaction import additive_projection, interaction_gap
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
from motet.evaluation.retrieval import both_directions, first_right_ranks, retrieval_metrics
from motet.evaluation.risk_coverage import risk_coverage, risk_coverage_by_class
from motet.evaluation.slices import slice_metrics
from motet.evaluation.vqa import vqa_scores

__all__ = [
    "LabelErrors",
    "accuracy",
    "additive_projection",
    "both_directions",
    "class_table",
    "classification_metrics",
    "confusion_matrix",
    "evaluate_patterns",
    "expected_calibration_error",
    "first_right_ranks",
    "interaction_gap",
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
    "retrieval_metrics",
    "risk_coverage",
    "risk_coverage_by_class",
    "row_contributions",
    "row_label_loss",
    "row_log_loss",
    "row_patterns",
    "shapley",
    "slice_metrics",
    "vqa_scores",
]
