"""Reliability: bins by hand, and noise that is known for noise."""

from __future__ import annotations

import numpy as np
import pytest

from motet.evaluation import expected_calibration_error, reliability


def test_bins_by_hand() -> None:
    """Two bins of [0, 1]: confidences .55 and .65 fall in the second with .9; one of three is right."""
    p = np.array([[0.55, 0.45], [0.35, 0.65], [0.9, 0.1]])
    told = reliability(p, np.array([0, 0, 1]), bins=2)
    (only,) = told["bins"]
    assert only == {"n": 3, "confidence": pytest.approx(0.7), "accuracy": pytest.approx(1 / 3)}
    assert told["ece"] == pytest.approx(0.7 - 1 / 3)


def test_a_calibrated_model_is_below_what_is_expected_of_one_and_a_proud_one_above() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.5, 1, 2000)
    p = np.stack([sure, 1 - sure], axis=1)
    labels = (random.random(2000) > sure).astype(np.int64)
    told = reliability(p, labels)
    assert told["ece"] == expected_calibration_error(p.max(axis=1), labels == 0)
    assert told["ece"] < told["expected"] < 0.06
    proud = p**4 / (p**4).sum(axis=1, keepdims=True)
    assert reliability(proud, labels)["ece"] > 2 * reliability(proud, labels)["expected"]
    assert sum(one["n"] for one in told["bins"]) == 2000
