"""The additive projection, against sums written out and models whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.evaluation import additive_projection, interaction_gap
from motet.evaluation.interaction import Pairs, RowFigures
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import ClassTarget, Target

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]


def normalised(logits: Floats) -> Floats:
    made: Floats = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return made


def figures(target: Target, truth: npt.NDArray[np.generic]) -> RowFigures:
    return lambda outputs: target.row_figures(target.answers(outputs), truth)


def of_grid(grid: Floats) -> Pairs:
    return lambda first, second: grid[first, second]


@settings(deadline=None)
@given(st.integers(2, 7), st.integers(2, 4), st.integers(0, 10**6))
def test_the_projection_is_the_sum_written_out(rows: int, classes: int, seed: int) -> None:
    grid = normalised(np.random.default_rng(seed).normal(size=(rows, rows, classes)) * 3)
    own, projected = additive_projection(of_grid(grid), rows)
    for i in range(rows):
        assert own[i] == pytest.approx(grid[i, i])
        said = [
            sum(grid[i, j, c] for j in range(rows)) / rows
            + sum(grid[j, i, c] for j in range(rows)) / rows
            - sum(grid[j, k, c] for j in range(rows) for k in range(rows)) / rows**2
            for c in range(classes)
        ]
        assert projected[i] == pytest.approx(said)


@settings(deadline=None)
@given(st.integers(2, 30), st.integers(0, 10**6))
def test_what_adds_log_probabilities_has_no_gap(rows: int, seed: int) -> None:
    """A product of experts: the constant that makes it sum to one differs by pair, but not by class."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, rows, 3)) * 3
    grid = normalised(first[:, None] + second[None, :])
    own, projected = additive_projection(of_grid(grid), rows)
    assert normalised(projected) == pytest.approx(own, abs=1e-9)
    target = ClassTarget(("a", "b", "c"))
    told = interaction_gap(of_grid(grid), rows, figures(target, random.integers(0, 3, rows)), "log_loss")
    assert told["gap"]["accuracy"]["value"] == 0
    assert told["gap"]["log_loss"]["value"] == pytest.approx(0, abs=1e-9)


def test_an_exclusive_or_is_all_interaction() -> None:
    """p(label) = .9 where the parts agree as they should. Each part alone is a coin: both means are alike for both
    classes, and so is the projection: log 2 a row, against -log .9."""
    bits = np.arange(40) % 2, (np.arange(40) // 2) % 2
    labels = bits[0] ^ bits[1]
    right = (bits[0][:, None] ^ bits[1][None, :])[..., None] == np.arange(2)
    pairs = of_grid(np.log(np.where(right, 0.9, 0.1)))
    told = interaction_gap(pairs, 40, figures(ClassTarget(("a", "b")), labels), "log_loss")
    assert told["model"] == {"accuracy": 1.0, "log_loss": pytest.approx(-math.log(0.9))}
    assert told["additive"]["log_loss"] == pytest.approx(math.log(2))
    gap = told["gap"]["log_loss"]
    assert gap["value"] == pytest.approx(math.log(2 * 0.9)) and gap["low"] > 0.5
    assert set(told["gap"]) == set(told["model"]) == {"accuracy", "log_loss"}


def test_the_grid_is_never_held_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = normalised(np.random.default_rng(0).normal(size=(9, 9, 3)))
    whole = additive_projection(of_grid(grid), 9)
    asked: list[int] = []

    def watched(first: Rows, second: Rows) -> Floats:
        asked.append(len(first))
        return grid[first, second]

    monkeypatch.setattr("motet.evaluation.interaction.AT_ONCE", 2 * 9 * 3)
    for mine, other in zip(additive_projection(watched, 9), whole, strict=True):
        assert mine == pytest.approx(other)
    assert sum(asked) == 81 and max(asked) == 18


def test_of_numbers_a_product_is_all_interaction_and_a_sum_has_none() -> None:
    """a and b are 1 or -1, each as often: the mean of a b over either is 0, and so is its projection, an error of 1."""
    a, b = np.where(np.arange(40) % 2, 1.0, -1.0), np.where(np.arange(40) // 2 % 2, 1.0, -1.0)
    target = NumberTarget(0, 1)
    told = interaction_gap(
        of_grid((a[:, None] * b[None, :])[..., None]), 40, figures(target, a * b), target.loss
    )
    assert told["model"] == {"relative_squared_error": 0} and told["additive"] == {
        "relative_squared_error": pytest.approx(1)
    }
    assert told["gap"]["relative_squared_error"]["value"] == pytest.approx(1)
    added = interaction_gap(
        of_grid((a[:, None] + b[None, :])[..., None]), 40, figures(target, a * b), target.loss
    )
    assert added["gap"]["relative_squared_error"]["value"] == pytest.approx(0, abs=1e-12)


def test_labels_are_projected_each_by_itself() -> None:
    """The first label is the exclusive or from above, told with .9; the second is told with .7 by all."""
    bits = np.arange(40) % 2, np.arange(40) // 2 % 2
    first = np.where(bits[0][:, None] ^ bits[1][None, :], 0.9, 0.1)
    grid = np.log(np.stack([np.stack([1 - p, p], axis=-1) for p in (first, np.full((40, 40), 0.7))], axis=2))
    truth = np.stack([bits[0] ^ bits[1], np.ones(40)], axis=1)
    told = interaction_gap(of_grid(grid), 40, figures(LabelsTarget(("xor", "all")), truth), "log_loss")
    known = -math.log(0.7)
    assert told["model"] == {"label_accuracy": 1, "log_loss": pytest.approx((known - math.log(0.9)) / 2)}
    assert told["additive"]["log_loss"] == pytest.approx((known + math.log(2)) / 2)
    assert told["gap"]["log_loss"]["value"] == pytest.approx(math.log(1.8) / 2)
