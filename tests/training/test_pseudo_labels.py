"""Thresholds of classes by hand, and agreement of the modalities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motet.training.pseudo_labels import LEAST, accepted, class_thresholds


def test_a_class_that_the_teacher_is_rarely_sure_of_needs_less() -> None:
    rows = [[0.95, 0.03, 0.02]] * 10 + [[0.05, 0.93, 0.02]] * 9 + [[0.2, 0.2, 0.6]]
    # sigma = 10, 9, 0, one row unsure: beta = 1, 9/10, 0; x / (2 - x) = 1, 9/11, 0; the last is held at three quarters
    np.testing.assert_allclose(class_thresholds(np.array(rows), 0.9), [0.9, 8.1 / 11, 0.675])


def test_while_most_rows_are_unsure_they_are_what_counts_are_divided_by() -> None:
    rows = [[0.95, 0.05]] * 9 + [[0.6, 0.4]] * 10
    # sigma = 9, 0, ten unsure: beta = 9/10, 0
    np.testing.assert_allclose(class_thresholds(np.array(rows), 0.9), [8.1 / 11, 0.675])


def test_no_rows_give_no_error() -> None:
    np.testing.assert_array_equal(class_thresholds(np.zeros((0, 3)), 0.9), [0.675] * 3)


@given(
    arrays(np.float64, st.tuples(st.integers(0, 30), st.integers(2, 5)), elements=st.floats(0.01, 1)),
    st.floats(0.3, 0.99),
)
def test_thresholds_lie_between_their_floor_and_the_usual_one(raw: np.ndarray, usual: float) -> None:
    thresholds = class_thresholds(raw / raw.sum(axis=1, keepdims=True), usual)
    assert (thresholds >= LEAST * usual - 1e-12).all() and (thresholds <= usual).all()


def test_modalities_that_are_present_must_not_contradict() -> None:
    nothing, unsure = [np.nan] * 3, [0.3, 0.4, 0.3]
    sure, less = [0.9, 0.05, 0.05], [0.6, 0.2, 0.2]
    joint = np.array([sure, sure, sure, sure, less, sure])
    image = np.array([sure, [0.3, 0.7, 0], unsure, nothing, less, nothing])
    text = np.array([sure, sure, sure, sure, less, nothing])
    # agree; contradict; one is not sure; words alone; agree below the threshold; nothing at all
    chosen = accepted(joint, [image, text], np.array([0.8, 0.8, 0.8]))
    np.testing.assert_array_equal(chosen, [True, False, True, True, False, False])
