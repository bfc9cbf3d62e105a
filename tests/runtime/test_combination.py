"""Combiners against slow loops; what a head that has nothing to say may hold; order and identity."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motet.runtime.combination import COMBINERS, combine, log_softmax

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
RULES = sorted(COMBINERS)


def softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    powers = [math.exp(value - top) for value in logits]
    return [power / sum(powers) for power in powers]


def slow(rule: str, logits: Floats, present: Bools, weights: Floats) -> Floats:
    """The rules as they are defined, one number at a time."""
    _, rows, classes = logits.shape
    made = np.zeros((rows, classes))
    for row in range(rows):
        heads = [k for k in range(len(weights)) if present[k, row]]
        if not heads:
            continue
        if rule == "sum":
            made[row] = [sum(weights[k] * float(logits[k, row, c]) for k in heads) for c in range(classes)]
            continue
        p = {k: softmax(logits[k, row].tolist()) for k in heads}
        for c in range(classes):
            if rule == "product":
                made[row, c] = sum(weights[k] * math.log(p[k][c]) for k in heads)
            elif rule == "vote":
                whole = sum(weights[k] for k in heads)
                votes = sum(weights[k] for k in heads if p[k].index(max(p[k])) == c) / whole
                mean = sum(weights[k] * p[k][c] for k in heads) / whole
                made[row, c] = math.log((votes + mean) / 2)
            else:
                made[row, c] = math.log(
                    sum(weights[k] * p[k][c] for k in heads) / sum(weights[k] for k in heads)
                )
    return made


@st.composite
def answers(draw: st.DrawFn) -> tuple[Floats, Bools, Floats]:
    heads, rows, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(2, 5))
    # 12 bounds the logits, so that no probability falls under 1e-12, below which the mean is cut off.
    logits = draw(arrays.arrays(np.float32, (heads, rows, classes), elements=st.floats(-12, 12, width=32)))
    present = draw(arrays.arrays(bool, (heads, rows)))
    weights = draw(arrays.arrays(np.float64, heads, elements=st.floats(0.05, 3)))
    return logits, present, weights


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(answers())
def test_equals_the_slow_loop(rule: str, given: tuple[Floats, Bools, Floats]) -> None:
    np.testing.assert_allclose(combine(rule, *given), slow(rule, *given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_temperatures_divide_the_logits_of_their_heads(rule: str) -> None:
    random = np.random.default_rng(0)
    logits, present = random.normal(size=(3, 4, 5)), random.random((3, 4)) < 0.8
    weights, temperatures = random.random(3) + 0.5, np.array([0.5, 1, 4])
    scaled = logits / temperatures.reshape(3, 1, 1)
    want = combine(rule, scaled, present, weights)
    np.testing.assert_allclose(combine(rule, logits, present, weights, temperatures), want)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40, deadline=None)
@given(answers(), st.sampled_from([np.nan, np.inf, -np.inf, 1e30]))
def test_absent_heads_may_hold_anything(
    rule: str, given: tuple[Floats, Bools, Floats], filling: float
) -> None:
    logits, present, weights = given
    filled = np.where(present[:, :, None], logits, np.float32(filling))
    np.testing.assert_array_equal(combine(rule, filled, present, weights), combine(rule, *given))


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40, deadline=None)
@given(answers(), st.randoms())
def test_the_order_of_heads_does_not_matter(
    rule: str, given: tuple[Floats, Bools, Floats], random: object
) -> None:
    logits, present, weights = given
    order = list(range(len(weights)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        combine(rule, logits[order], present[order], weights[order]), combine(rule, *given), atol=1e-10
    )


@pytest.mark.parametrize("rule", ["mean", "product"])
@settings(max_examples=40, deadline=None)
@given(answers())
def test_one_head_alone_gives_its_own_probabilities(rule: str, given: tuple[Floats, Bools, Floats]) -> None:
    logits, present, _ = given
    combined = combine(rule, logits[:1], present[:1], np.ones(1))
    here = present[0]
    np.testing.assert_allclose(log_softmax(combined)[here], log_softmax(logits[0])[here], atol=1e-9)
    # ... also where others stand beside it that are all absent.
    only = np.zeros_like(present)
    only[0] = present[0]
    np.testing.assert_allclose(combine(rule, logits, only, np.ones(len(logits))), combined, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=40, deadline=None)
@given(answers())
def test_rows_without_a_head_are_zeros_and_no_row_depends_on_another(
    rule: str, given: tuple[Floats, Bools, Floats]
) -> None:
    logits, present, weights = given
    combined = combine(rule, *given)
    assert np.isfinite(combined).all()
    assert (combined[~present.any(axis=0)] == 0).all()
    for row in range(logits.shape[1]):
        alone = combine(rule, logits[:, [row]], present[:, [row]], weights)
        np.testing.assert_array_equal(alone[0], combined[row])


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "sum"])
def test_adding_a_number_to_all_logits_of_a_head_changes_nothing(rule: str) -> None:
    generator = np.random.default_rng(0)
    logits, present = generator.normal(size=(3, 6, 4)), generator.random((3, 6)) < 0.7
    shifted = logits + generator.normal(size=(3, 6, 1)) * 100
    weights = np.array([1.0, 0.5, 2.0])
    np.testing.assert_allclose(
        combine(rule, shifted, present, weights), combine(rule, logits, present, weights), atol=1e-9
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_head_of_weight_zero_says_nothing(rule: str) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 5, 3))
    both, one = np.ones((2, 5), bool), np.array([[True] * 5, [False] * 5])
    got = combine(rule, logits, both, np.array([1.0, 0.0]))
    np.testing.assert_allclose(got, combine(rule, logits, one, np.array([1.0, 0.0])), atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_no_heads_and_no_rows(rule: str) -> None:
    nothing = combine(rule, np.zeros((0, 4, 3)), np.zeros((0, 4), bool), np.zeros(0))
    np.testing.assert_array_equal(nothing, np.zeros((4, 3)))
    assert combine(rule, np.zeros((2, 0, 3)), np.zeros((2, 0), bool), np.ones(2)).shape == (0, 3)


@pytest.mark.parametrize("rule", RULES)
def test_several_answers_of_a_row_are_combined_each_by_itself(rule: str) -> None:
    random = np.random.default_rng(0)
    logits, present = random.normal(size=(3, 4, 5, 2)), random.random((3, 4)) < 0.8
    weights, temperatures = random.random(3) + 0.5, np.array([0.5, 1, 4])
    got = combine(rule, logits, present, weights, temperatures)
    for k in range(5):
        want = combine(rule, logits[:, :, k], present, weights, temperatures)
        np.testing.assert_allclose(got[:, k], want)


def test_by_hand() -> None:
    """Heads .8/.2 and .5/.5: the product keeps 4:1, the mean gives .65/.35; two that agree are surer."""
    logits = np.log(np.array([[[0.8, 0.2]], [[0.5, 0.5]]]))
    both, weights = np.ones((2, 1), bool), np.ones(2)
    np.testing.assert_allclose(np.exp(log_softmax(combine("product", logits, both, weights))), [[0.8, 0.2]])
    np.testing.assert_allclose(np.exp(combine("mean", logits, both, weights)), [[0.65, 0.35]])
    agreeing = np.log(np.array([[[0.8, 0.2]], [[0.8, 0.2]]]))
    # .64 : .04 = 16 : 1
    np.testing.assert_allclose(
        np.exp(log_softmax(combine("product", agreeing, both, weights))), [[16 / 17, 1 / 17]]
    )
    np.testing.assert_allclose(np.exp(combine("mean", agreeing, both, weights)), [[0.8, 0.2]])


def test_log_softmax_of_large_logits() -> None:
    got = log_softmax(np.array([[1e30, 0.0], [-1e30, 0.0], [1000.0, 1000.0]], np.float32))
    np.testing.assert_allclose(got[2], np.log([0.5, 0.5]))
    assert np.exp(got[:2]).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert got.dtype == np.float64


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(KeyError):
        combine("median", np.zeros((1, 1, 2)), np.ones((1, 1), bool), np.ones(1))
