"""All that changes while a network is learned, and one step of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from motet.training.schedule import warm_then_cosine

Told = TypeVar("Told")
STEEPEST = 1.0  # norm that gradients are cut to


@dataclass(frozen=True)
class Learning:
    """All that changes while a network is learned.

    learned : all weights; random : what draws the rows of each epoch. told : what is told of each epoch beside its
        losses, as JSON.
    """

    learned: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    random: np.random.Generator
    told: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        learned: nn.Module,
        optimiser: torch.optim.Optimizer,
        random: np.random.Generator,
        *,
        steps: int,
        warmup: float,
    ) -> Learning:
        """At its beginning, with so many steps to go; warmup : share of them in which the learning rate rises."""
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: warm_then_cosine(step, steps, warmup)
        )
        return cls(learned, optimiser, schedule, random)

    def step(self, backward: Callable[[], Told]) -> Told:
        """Follow the gradient that `backward` leaves in the weights, cut to norm 1; return what it returns."""
        self.optimiser.zero_grad()
        told = backward()
        torch.nn.utils.clip_grad_norm_(self.learned.parameters(), STEEPEST)
        self.optimiser.step()
        self.schedule.step()
        return told
