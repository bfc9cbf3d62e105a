"""Intervals: as wide as theory says, covering as often as they promise, equal for equal seeds."""

from __future__ import annotations

import json
import math

import numpy as np
import numpy.typing as npt
import pytest

from motet.evaluation import (
    accuracy,
    classification_metrics,
    expected_calibration_error,
    intervals,
    log_loss,
    macro_f1,
)
from motet.evaluation.intervals import wilson_interval

Floats = npt.NDArray[np.floating]


def bernoulli(n: int, right: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Answers of two classes, of which this many are right."""
    labels = np.zeros(n, np.int64)
    probabilities = np.tile([0.3, 0.7], (n, 1))
    probabilities[:right] = [0.7, 0.3]
    return probabilities, labels


def test_values_are_those_of_the_metrics() -> None:
    generator = np.random.default_rng(0)
    probabilities, labels = generator.dirichlet(np.ones(4), 120), generator.integers(-2, 4, 120)
    predicted, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    got = classification_metrics(probabilities, labels)
    assert list(got) == ["accuracy", "macro_f1", "log_loss", "ece"]
    assert got["accuracy"]["value"] == accuracy(predicted, labels)
    assert got["macro_f1"]["value"] == macro_f1(predicted, labels, 4)
    assert got["log_loss"]["value"] == log_loss(np.log(probabilities), labels)
    assert got["ece"]["value"] == expected_calibration_error(top, predicted == labels)
    for name, metric in got.items():
        assert metric["low"] <= metric["high"]
        if name != "ece":  # resampling only ever adds to a calibration error
            assert metric["low"] <= metric["value"] <= metric["high"]
    json.dumps(got, allow_nan=False)


@pytest.mark.parametrize("n,right", [(400, 320), (2000, 1000), (154, 140)])
def test_the_interval_of_accuracy_has_the_width_of_a_binomial(n: int, right: int) -> None:
    """Rows drawn again make Binomial(n, p): deviation s = sqrt(p(1-p)/n), width 2 * 1.96 s.

    Each end is a quantile of 1000 draws, whose own deviation is sqrt(.025 * .975 / 1000) / phi(1.96) s =
    .0049 / .0584 s = .085 s; that of the width is sqrt(2) times it, .12 s. Five of those, and one step of 1/n
    for the lattice.
    """
    metric = classification_metrics(*bernoulli(n, right), seed=3)["accuracy"]
    p = right / n
    s = math.sqrt(p * (1 - p) / n)
    assert metric["value"] == pytest.approx(p)
    assert metric["high"] - metric["low"] == pytest.approx(2 * 1.96 * s, abs=5 * 0.12 * s + 1 / n)
    assert (metric["high"] + metric["low"]) / 2 == pytest.approx(p, abs=5 * 0.085 * s + 1 / n)


@pytest.mark.parametrize(("n", "right"), [(1, 1), (6, 6), (6, 0), (29, 29)])
def test_few_rows_that_are_all_right_or_all_wrong_leave_room(n: int, right: int) -> None:
    """Wilson's interval of k = n ends at 1 / (1 + z^2 / n), with z = 1.96; of k = 0 it is the mirror image."""
    metric = classification_metrics(*bernoulli(n, right))["accuracy"]
    end = 1 / (1 + 1.959964**2 / n)
    assert metric["value"] == right / n
    expected = (end, 1.0) if right else (0.0, 1 - end)
    assert (metric["low"], metric["high"]) == pytest.approx(expected, abs=1e-9)


def test_wilson_equals_scipy() -> None:
    from scipy.stats import binomtest

    for right, n in ((0, 5), (3, 10), (17, 20), (400, 400)):
        reference = binomtest(right, n).proportion_ci(method="wilson")
        assert wilson_interval(right, n) == pytest.approx((reference.low, reference.high), abs=1e-6)
    # Of 20 rows, (middle + half) / (1 + spread) rounds to 1.0000000000000002.
    assert all(wilson_interval(n, n)[1] == 1 and wilson_interval(0, n)[0] == 0 for n in range(1, 200))


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_promise() -> None:
    """200 tables of 200 rows, each right with chance .8.

    The ends stand at the 8.5th of 300 sorted draws from either side: 2 * 8.5 / 301 = 5.6 % are outside; lattice
    and percentile method cost about 1 % more. The share covered has deviation sqrt(.934 * .066 / 200) = .0175.
    """
    generator = np.random.default_rng(0)
    covered = 0
    for number in range(200):
        probabilities, labels = bernoulli(200, int(generator.binomial(200, 0.8)))
        metric = classification_metrics(probabilities, labels, draws=300, seed=number)["accuracy"]
        covered += metric["low"] <= 0.8 <= metric["high"]
    assert covered / 200 == pytest.approx(0.934, abs=3 * 0.0175)


def test_more_rows_make_it_narrower_by_the_root() -> None:
    small = classification_metrics(*bernoulli(250, 200))["accuracy"]
    large = classification_metrics(*bernoulli(4000, 3200))["accuracy"]
    ratio = (small["high"] - small["low"]) / (large["high"] - large["low"])
    assert ratio == pytest.approx(4, rel=0.2)


def test_equal_seeds_give_equal_intervals() -> None:
    given = bernoulli(300, 211)
    assert classification_metrics(*given, seed=1) == classification_metrics(*given, seed=1)
    assert classification_metrics(*given, seed=1) != classification_metrics(*given, seed=2)


def test_certain_and_tiny() -> None:
    perfect = classification_metrics(np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 2, 0]))
    assert perfect["macro_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert perfect["log_loss"]["value"] == pytest.approx(0)
    one = classification_metrics(np.array([[0.4, 0.6]]), np.array([-2]))
    assert one["accuracy"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(0.793, abs=5e-4)}
    assert one["macro_f1"]["value"] == 0.0


def test_the_interval_of_a_paired_difference_is_that_of_its_mean() -> None:
    """Of 2000 normal differences of mean .1 and deviation 1: mean +- 1.645 / sqrt(2000) for 5 % on either side."""
    from motet.evaluation import paired_difference

    differences = np.random.default_rng(0).normal(0.1, 1, 2000)
    mean, low, high = paired_difference(differences, tail=0.05)
    assert mean == differences.mean()
    for end, sign in ((low, -1), (high, 1)):
        assert end == pytest.approx(mean + sign * 1.645 * differences.std() / np.sqrt(2000), abs=0.004)


@pytest.mark.parametrize("n", [1, 40, 300])
def test_intervals_equal_those_of_one_draw_at_a_time(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way: each draw measured by the metrics themselves; windows of draws that do not divide their number."""
    monkeypatch.setattr(intervals, "DRAWN_AT_ONCE", 7 * n)
    generator = np.random.default_rng(n)
    probabilities, labels = generator.dirichlet(np.ones(5), n), generator.integers(-3, 5, n)
    predicted, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    random, drawn = np.random.default_rng(2), []
    for _ in range(100):
        rows = random.integers(0, n, n)
        calibration = expected_calibration_error(top[rows], (predicted == labels)[rows])
        drawn.append((macro_f1(predicted[rows], labels[rows], 5), calibration))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    got = classification_metrics(probabilities, labels, draws=100, seed=2)
    for place, name in enumerate(("macro_f1", "ece")):
        assert (got[name]["low"], got[name]["high"]) == pytest.approx((low[place], high[place]), abs=1e-12)
