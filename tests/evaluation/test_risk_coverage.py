"""Risk by coverage: curves by hand, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.evaluation import risk_coverage, risk_coverage_by_class


def test_four_answers_by_hand() -> None:
    """Surest first: right, right, wrong, right. Risks 0, 0, 1/3, 1/4; their mean is 7/48."""
    told = risk_coverage(np.array([0.6, 0.9, 0.7, 0.8]), np.array([True, True, False, True]))
    assert [point["coverage"] for point in told["points"]] == [0.25, 0.5, 0.75, 1.0]
    assert [point["risk"] for point in told["points"]] == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert [point["confidence"] for point in told["points"]] == [0.9, 0.8, 0.7, 0.6]
    assert (told["n"], told["error"]) == (4, 0.25)
    assert told["aurc"] == pytest.approx(7 / 48)


def test_answers_of_one_confidence_are_in_no_order() -> None:
    """Of four alike one is wrong: risk .25 wherever one stops, whichever of them it is."""
    for wrong in range(4):
        told = risk_coverage(np.full(4, 0.5), np.arange(4) != wrong)
        assert [point["risk"] for point in told["points"]] == pytest.approx([0.25] * 4)
        assert told["aurc"] == pytest.approx(0.25)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=300))
def test_any_curve_ends_at_the_error_and_has_few_points(answers: list[tuple[float, bool]]) -> None:
    sure, right = np.array([s for s, _ in answers]), np.array([r for _, r in answers])
    told = risk_coverage(sure, right, points=10)
    assert len(told["points"]) == min(10, len(answers))
    assert told["points"][-1]["coverage"] == 1
    assert told["points"][-1]["risk"] == pytest.approx(1 - right.mean()) == pytest.approx(told["error"])
    backwards = risk_coverage(sure[::-1], right[::-1], points=10)
    assert backwards["aurc"] == pytest.approx(told["aurc"])


def test_classes_are_those_that_were_answered() -> None:
    p = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0]])
    told = risk_coverage_by_class(p, np.array([0, 1, -1]), ("a", "b", "c"))
    assert list(told["classes"]) == ["a", "b"]
    assert (told["classes"]["a"]["n"], told["classes"]["a"]["error"]) == (2, 0.5)
    assert told["classes"]["a"]["aurc"] == pytest.approx((0 + 0.5) / 2)
    assert told["classes"]["b"]["error"] == 1
    assert told["overall"]["n"] == 3 and told["overall"]["error"] == pytest.approx(2 / 3)
