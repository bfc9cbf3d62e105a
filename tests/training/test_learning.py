"""A step of learning: the gradient of this batch alone, cut to norm 1, at the rate of the schedule."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motet.training.learning import Learning
from motet.training.schedule import warm_then_cosine


def test_a_step_follows_its_own_gradient_cut_to_norm_one() -> None:
    """The gradient of 30 x + 40 y is (30, 40), of norm 50: by plain descent at rate r the weights lose r (.6, .8)."""
    module = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(module.weight)
    optimiser = torch.optim.SGD(module.parameters(), lr=2.0)
    learning = Learning.of(module, optimiser, np.random.default_rng(0), steps=4, warmup=0.5)
    wanted = torch.zeros(1, 2)
    for step in range(4):
        loss = module(torch.tensor([30.0, 40.0]))
        assert learning.step(lambda loss=loss: (loss.backward(), "told")[1]) == "told"
        wanted -= 2.0 * warm_then_cosine(step, 4, 0.5) * torch.tensor([[0.6, 0.8]])
        torch.testing.assert_close(module.weight.detach(), wanted)
    assert learning.schedule.last_epoch == 4
    assert optimiser.param_groups[0]["lr"] == pytest.approx(2.0 * warm_then_cosine(4, 4, 0.5))


def test_a_gradient_of_a_smaller_norm_is_left_as_it_is() -> None:
    module = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(module.weight)
    optimiser = torch.optim.SGD(module.parameters(), lr=1.0)
    learning = Learning.of(module, optimiser, np.random.default_rng(0), steps=1, warmup=0.0)
    learning.step(module(torch.tensor([0.3, 0.4])).backward)
    torch.testing.assert_close(module.weight.detach(), torch.tensor([[-0.3, -0.4]]))
