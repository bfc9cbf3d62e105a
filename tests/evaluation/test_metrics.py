"""Metrics against scikit-learn, by hand, and with labels that training never saw."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motet.evaluation import (
    accuracy,
    class_table,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    macro_f1,
    precision_recall_f1,
    row_log_loss,
)

Labels = npt.NDArray[np.int64]


@st.composite
def predictions(draw: st.DrawFn, *, unseen: bool = False) -> tuple[Labels, Labels, int]:
    rows, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    predicted = draw(arrays.arrays(np.int64, rows, elements=st.integers(0, classes - 1)))
    labels = draw(arrays.arrays(np.int64, rows, elements=st.integers(-2 if unseen else 0, classes - 1)))
    return predicted, labels, classes


@settings(max_examples=100, deadline=None)
@given(predictions())
def test_equal_scikit_learn(given: tuple[Labels, Labels, int]) -> None:
    from sklearn import metrics as reference

    predicted, labels, classes = given
    assert accuracy(predicted, labels) == pytest.approx(reference.accuracy_score(labels, predicted))
    assert macro_f1(predicted, labels, classes) == pytest.approx(
        reference.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    every = list(range(classes))
    np.testing.assert_array_equal(
        confusion_matrix(predicted, labels, classes),
        reference.confusion_matrix(labels, predicted, labels=every),
    )
    want = reference.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    for got, wanted in zip(precision_recall_f1(predicted, labels, classes), want, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(predictions(unseen=True))
def test_labels_never_seen_are_never_right_and_break_nothing(given: tuple[Labels, Labels, int]) -> None:
    """A row whose label was unknown counts as wrong in all that counts rows, and has no row of the matrix."""
    from sklearn import metrics as reference

    predicted, labels, classes = given
    known = labels >= 0
    assert accuracy(predicted, labels) == pytest.approx(
        (predicted[known] == labels[known]).sum() / len(labels)
    )
    np.testing.assert_array_equal(
        confusion_matrix(predicted, labels, classes),
        confusion_matrix(predicted[known], labels[known], classes),
    )
    precision, recall, f1, support = precision_recall_f1(predicted, labels, classes)
    # scikit-learn, told to report on the known classes only, counts such rows in the same way.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = reference.precision_recall_fscore_support(
            labels, predicted, labels=list(range(classes)), zero_division=0
        )
    for got, wanted in zip((precision, recall, f1, support), want, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-12)
    assert macro_f1(predicted, labels, classes) == pytest.approx(
        reference.f1_score(labels, predicted, average="macro", zero_division=0)
    )


def test_log_loss_equals_scikit_learn() -> None:
    from sklearn.metrics import log_loss as reference

    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(5), 200)
    labels = generator.integers(0, 5, 200)
    want = reference(labels, probabilities, labels=list(range(5)))
    assert log_loss(np.log(probabilities), labels) == pytest.approx(want)


def test_log_loss_of_wrong_certainty_and_of_unseen_labels_is_bounded() -> None:
    """Zero probability counts as 1e-6: 13.8 nats, not infinity; so does a label that no class stands for."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]))
    worst = -np.log(1e-6)
    np.testing.assert_allclose(
        row_log_loss(logs, np.array([0, 1, 1, -2])), [0, worst, np.log(2), worst], atol=1e-12
    )
    assert log_loss(logs, np.array([0, 1, 1, -2])) == pytest.approx((2 * worst + np.log(2)) / 4)


def test_calibration_error_by_hand() -> None:
    """Five bins of .2: [.4, .6) holds .5 and .5, one right: gap 0; [.6, .8) holds .7, wrong: gap .7;
    [.8, 1] holds .9 and 1., both right: gap |1 - .95| = .05. Weighted: (2*0 + 1*.7 + 2*.05) / 5 = .16."""
    confidence = np.array([0.5, 0.5, 0.7, 0.9, 1.0])
    right = np.array([True, False, False, True, True])
    assert expected_calibration_error(confidence, right, bins=5) == pytest.approx(0.16)
    # One bin: |mean confidence - accuracy| = |.72 - .6|.
    assert expected_calibration_error(confidence, right, bins=1) == pytest.approx(0.12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 20))
def test_calibration_error_equals_the_slow_loop(rows: list[tuple[float, bool]], bins: int) -> None:
    confidence, right = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    total = 0.0
    for number in range(bins):
        inside = [i for i, c in enumerate(confidence) if min(int(c * bins), bins - 1) == number]
        if inside:
            total += len(inside) / len(rows) * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(confidence, right, bins=bins) == pytest.approx(total, abs=1e-9)


def test_calibration_error_of_a_calibrated_answer_is_small() -> None:
    """50,000 rows right with the chance they claim: N rows in 15 bins of n.

    In a bin the gap is normal with deviation sqrt(p(1-p)/n) <= .5/sqrt(n), and mean absolute value sqrt(2/pi)
    times it; over 15 bins weighted n/N the expectation is below .4 * 15 * sqrt(n)/N = .4 * sqrt(15/N) = .007.
    """
    generator = np.random.default_rng(0)
    confidence = generator.random(50_000)
    right = generator.random(50_000) < confidence
    assert expected_calibration_error(confidence, right) < 0.01
    assert expected_calibration_error(np.minimum(confidence + 0.2, 1), right) > 0.15


def test_class_table() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 2, 2, 1]]
    labels = np.array([0, 1, 1, 2, 0, -2])
    table = class_table(probabilities, labels, ["a", "b", "c"])
    assert table["per_class"]["a"] == {"support": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    # "b" was said twice, once of a row whose label was never seen: that is half right.
    assert table["per_class"]["b"] == {"support": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert table["per_class"]["c"] == {
        "support": 1,
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
    }
    assert table["confusion"] == {"labels": ["a", "b", "c"], "matrix": [[1, 0, 1], [1, 1, 0], [0, 0, 1]]}
