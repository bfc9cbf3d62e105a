"""Several tasks on one network: losses become one as the equations say, and every task teaches what they share."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from motet.errors import UsageError
from motet.training.together import TogetherSettings, UncertaintyWeights, learn_together

LOSSES = st.lists(st.floats(0.01, 20), min_size=1, max_size=4)


class Towards:
    """A lesson that draws a shared number and one of its own towards a value."""

    def __init__(
        self, shared: nn.Linear, value: float, held: list[float] | None = None, batches: int = 4
    ) -> None:
        self.shared, self.own = shared, nn.Linear(1, 1, bias=False)
        self.module: nn.Module = nn.ModuleList([shared, self.own])
        self.value, self.batches, self.held_losses, self.steps = value, batches, held, list[int]()

    def loss(self, step: int) -> Tensor:
        self.steps.append(step)
        made: Tensor = (self.shared.weight.sum() - self.value) ** 2 + self.own.weight.sum() ** 2
        return made

    def held(self) -> float | None:
        return None if self.held_losses is None else self.held_losses.pop(0)


def options(**said: object) -> TogetherSettings:
    return TogetherSettings(**{"epochs": 4, "learning_rate": 0.05, "weight_decay": 0.0, **said})  # type: ignore[arg-type]


@settings(deadline=None)  # the first gradient of a process takes a second
@given(LOSSES, st.integers(0, 1000))
def test_uncertainty_is_the_equation(losses: list[float], seed: int) -> None:
    """Kendall et al., 2018, eq. 10: L / sigma^2 + log sigma, with s = log sigma^2."""
    made = UncertaintyWeights(len(losses))
    variances = (
        torch.rand(len(losses), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 4 + 0.2
    )
    with torch.no_grad():
        made.log_variance.copy_(variances.log())
    wanted = sum(
        loss / variance + math.log(math.sqrt(variance))
        for loss, variance in zip(losses, variances.tolist(), strict=True)
    )
    assert float(made(torch.tensor(losses)).detach()) == pytest.approx(wanted, rel=1e-4, abs=1e-4)


@settings(deadline=None)  # the first gradient of a process takes a second
@given(LOSSES)
def test_a_task_counts_the_less_the_larger_its_loss_stays(losses: list[float]) -> None:
    """d/ds (L exp(-s) + s / 2) = 0 at s = log 2 L: there every task's part is 1/2."""
    made = UncertaintyWeights(len(losses))
    with torch.no_grad():
        made.log_variance.copy_(torch.tensor(losses).mul(2).log())
    made(torch.tensor(losses)).backward()
    assert made.log_variance.grad is not None
    torch.testing.assert_close(made.log_variance.grad, torch.zeros(len(losses)), atol=1e-5, rtol=0)


def test_fixed_weights_say_what_counts() -> None:
    """(x - 1)^2 + 3 (x + 1)^2 is lowest at x = -1/2, and with even weights at 0."""
    for weights, wanted in (({"minus": 3.0}, -0.5), ({}, 0.0)):
        torch.manual_seed(0)
        shared = nn.Linear(1, 1, bias=False)
        lessons = {"plus": Towards(shared, 1.0), "minus": Towards(shared, -1.0)}
        made = learn_together(lessons, options(weights=weights, epochs=150))
        assert float(shared.weight.detach()) == pytest.approx(wanted, abs=0.02)
        assert made.weights == {"plus": 1.0, "minus": weights.get("minus", 1.0)}


def test_round_robin_takes_turns() -> None:
    shared = nn.Linear(1, 1, bias=False)
    lessons = {
        name: Towards(shared, 1.0, batches=batches) for name, batches in (("a", 3), ("b", 2), ("c", 1))
    }
    learn_together(lessons, options(weighting="round-robin", epochs=1))
    assert [lessons[name].steps for name in "abc"] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_uncertainty_weights_are_learned_and_told() -> None:
    shared = nn.Linear(1, 1, bias=False)
    lessons = {"easy": Towards(shared, 0.5), "torn": Towards(shared, 9.0), "too": Towards(shared, -8.0)}
    made = learn_together(lessons, options(weighting="uncertainty", epochs=60, warmup=0.0))
    assert made.weights["easy"] != 1 and made.weights["torn"] < made.weights["easy"]


def test_the_epoch_stays_whose_held_losses_are_lowest_each_by_its_first() -> None:
    """With .1 added, by the first: (.50 + 1.10) / 2 = .80, then (.90 + .95) / 2 = .93: the second is kept."""
    shared = nn.Linear(1, 1, bias=False)
    lessons = {
        "large": Towards(shared, 5.0, [100.0, 50.0, 90.0, 95.0, 99.0]),
        "small": Towards(shared, 5.0, [0.1, 0.12, 0.09, 0.2, 0.2]),
    }
    made = learn_together(lessons, options(epochs=5, patience=2))
    assert made.best_epoch == 2 and len(made.history) == 4
    assert made.history[1].held == {"large": 50.0, "small": 0.12}


def test_a_task_that_is_perfect_at_first_does_not_decide_alone() -> None:
    """(.02 + .1) / .1 = 1.2 beside (.7 + .1) / (5 + .1) = .16: their mean is below the first epoch's 1."""
    shared = nn.Linear(1, 1, bias=False)
    lessons = {
        "perfect": Towards(shared, 5.0, [0.0, 0.02, 0.02]),
        "learning": Towards(shared, 5.0, [5.0, 2.0, 0.7]),
    }
    assert learn_together(lessons, options(epochs=3)).best_epoch == 3


def test_an_epoch_that_diverged_is_not_told() -> None:
    shared = nn.Linear(1, 1, bias=False)
    made = learn_together({"a": Towards(shared, 5.0, [2.0, 1.0, math.nan])}, options(epochs=3))
    assert made.best_epoch == 2 and [epoch.held["a"] for epoch in made.history] == [2.0, 1.0]


def test_a_task_alone_learns_as_many_batches_as_it_did_beside_a_larger() -> None:
    shared = nn.Linear(1, 1, bias=False)
    for weighting in ("fixed", "round-robin"):
        lessons = {"a": Towards(shared, 1.0, batches=3), "b": Towards(shared, 1.0, batches=1)}
        made = learn_together(lessons, options(weighting=weighting, epochs=2))
        alone = Towards(shared, 1.0, batches=1)
        learn_together({"b": alone}, options(epochs=2), batches=made.batches)
        assert len(alone.steps) == len(lessons["b"].steps) == 6, weighting


def test_without_held_rows_the_last_epoch_stays() -> None:
    shared = nn.Linear(1, 1, bias=False)
    assert learn_together({"a": Towards(shared, 1.0)}, options(epochs=3)).best_epoch == 3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="no weighting 'even'"):
        TogetherSettings(weighting="even")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="are of the weighting fixed"):
        TogetherSettings(weighting="uncertainty", weights={"answer": 2.0})
    with pytest.raises(UsageError, match="a number above 0"):
        TogetherSettings(weights={"answer": 0.0})
