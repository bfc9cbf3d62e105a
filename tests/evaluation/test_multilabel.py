"""Metrics of several labels a row against scikit-learn, and by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from motet.evaluation import label_table, multilabel_metrics, row_label_loss
from motet.evaluation.multilabel import average_precision
from motet.runtime.labels_target import EVEN, LabelsTarget, best_cut


def sample(seed: int, rows: int = 80, labels: int = 5):
    random = np.random.default_rng(seed)
    truth = (random.random((rows, labels)) < np.linspace(0.6, 0.02, labels)).astype(np.float32)
    p = np.clip(truth * 0.3 + random.random((rows, labels)) * 0.7, 0.01, 0.99).round(2)  # with ties
    return p, p >= random.uniform(0.2, 0.8, labels), truth


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed: int) -> None:
    from sklearn import metrics as reference

    p, given, truth = sample(seed)
    found = {name: metric["value"] for name, metric in multilabel_metrics(p, given, truth, draws=100).items()}
    for name, how in (("micro_f1", "micro"), ("sample_f1", "samples")):
        assert found[name] == pytest.approx(reference.f1_score(truth, given, average=how, zero_division=1))
    occurring = (truth.any(axis=0)) | given.any(axis=0)
    macro = reference.f1_score(truth, given, average=None, zero_division=0)[occurring].mean()
    assert found["macro_f1"] == pytest.approx(macro)
    assert found["subset_accuracy"] == pytest.approx(reference.accuracy_score(truth, given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels that no row has
        average = [reference.average_precision_score(truth[:, k], p[:, k]) for k in range(5)]
    known = truth.any(axis=0)
    assert found["map"] == pytest.approx(np.array(average)[known].mean())
    np.testing.assert_allclose(average_precision(p, truth)[known], np.array(average)[known])
    assert found["log_loss"] == pytest.approx(
        np.mean([reference.log_loss(truth[:, k], p[:, k], labels=[0, 1]) for k in range(5)])
    )


def test_the_bootstrap_is_that_of_rows_drawn_again() -> None:
    """Rows counted n times give what n copies of them give."""
    p, given, truth = sample(1)
    drawn = np.random.default_rng(0).integers(0, 80, 80)
    from motet.evaluation.multilabel import NAMES, _Measure

    times = np.bincount(drawn, minlength=80).astype(float)
    copies = multilabel_metrics(p[drawn], given[drawn], truth[drawn], draws=100)
    counted = dict(zip(NAMES, _Measure(p, given, truth)(times), strict=True))
    for name in NAMES:
        assert copies[name]["value"] == pytest.approx(counted[name]), name
    for metric in multilabel_metrics(p, given, truth).values():
        assert metric["low"] <= metric["value"] <= metric["high"]


def test_rows_without_labels() -> None:
    nothing = np.zeros((3, 2), np.float32)
    found = multilabel_metrics(nothing + 0.1, nothing > 0, nothing)
    assert found["sample_f1"]["value"] == found["subset_accuracy"]["value"] == 1
    assert found["micro_f1"]["value"] == 0 and found["map"]["value"] is None
    assert found["log_loss"]["value"] == pytest.approx(-math.log(0.9))
    assert label_table(nothing, nothing > 0, nothing, "ab")["b"]["average_precision"] is None


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_has_the_highest_f1_of_all(seed: int) -> None:
    p, _, truth = sample(seed, rows=40, labels=3)
    for k in range(2):
        has = truth[:, k] > 0

        def f1(cut: float, k: int = k, has: np.ndarray = has) -> float:
            given = p[:, k] >= cut
            return 2 * (given & has).sum() / (given.sum() + has.sum())

        best = max(f1(cut) for cut in np.linspace(0, 1, 401))
        assert f1(best_cut(p[:, k], has)) == pytest.approx(best)
    assert best_cut(p[:, 0], np.arange(40) < 4) == best_cut(p[:, 0], np.arange(40) >= 4) == EVEN


def test_labels_that_the_model_does_not_know_are_missed() -> None:
    target = LabelsTarget(("a", "b"))
    judged = np.array([[0.9, 0.2, 0.5, 0.5], [0.1, 0.8, 0.5, 0.9]])
    known = target.metrics(judged, np.array([[1.0, 0], [0, 1]]), seed=0)
    assert known["micro_f1"]["value"] == pytest.approx(2 / 3)  # b of the second row is below its cut
    more = target.metrics(judged, np.array([[1.0, 0, 0], [0, 1, 1]]), seed=0)
    assert more["micro_f1"]["value"] == pytest.approx(2 / 4)
    assert target.worst(judged, np.array([[1.0, 0, 0], [0, 1, 1]])).tolist() == [1]


def test_a_label_that_the_model_never_saw_costs_the_row_that_has_it_and_thins_no_other() -> None:
    """Two known labels at .5 cost ln 2 each, by hand; a third, unknown, costs -ln 1e-6 where it is true."""
    logs = np.log([[0.5, 0.5, 1e-30], [0.5, 0.5, 1e-30]]), np.log([[0.5, 0.5, 1.0], [0.5, 0.5, 1.0]])
    truth = np.array([[1, 0, 0], [1, 0, 1]], np.float32)
    np.testing.assert_allclose(
        row_label_loss(*logs, truth, known=2), [np.log(2), np.log(2) - np.log(1e-6) / 2]
    )
    np.testing.assert_allclose(row_label_loss(*logs, truth)[0], 2 * np.log(2) / 3)
