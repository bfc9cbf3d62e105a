"""Several tasks on one picture network: how their losses become one, and the loop that learns them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from motet.errors import UsageError
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.learning import Learning
from motet.training.lessons import Lesson
from motet.training.optimisers import decay_matrices, without_compiler

Weighting = Literal["fixed", "uncertainty", "round-robin"]
NEAR = 0.1  # of a cross-entropy in nats, or of 1 - mean reciprocal rank: a task this near to perfect has little to win


@dataclass(frozen=True)
class TogetherSettings:
    """How several tasks are learned together.

    weighting : `fixed` weights, by `uncertainty`, or `round-robin`: a step for each task in turn.
    weights : of `fixed`, by task; 1 where none is named. An epoch is one pass through the rows of the largest task.
    """

    weighting: Weighting = "fixed"
    weights: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 20
    patience: int = 5
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.weighting not in get_args(Weighting):
            raise UsageError(
                f"no weighting {self.weighting!r} of tasks: one of {', '.join(get_args(Weighting))}"
            )
        if self.weights and self.weighting != "fixed":
            raise UsageError(f"weights of tasks are of the weighting fixed, not of {self.weighting}")
        for name, weight in self.weights.items():
            if not (np.isfinite(weight) and weight > 0):
                raise UsageError(f"the weight of task {name} is a number above 0, not {weight}")


@dataclass(frozen=True)
class TogetherEpoch:
    """One epoch: mean loss of each task's training batches, and held loss, None without held rows."""

    epoch: int
    train: dict[str, float]
    held: dict[str, float | None]


@dataclass(frozen=True)
class Together:
    """How learning together went, which epoch was kept, the weight of each task at its end, and batches of an epoch."""

    history: list[TogetherEpoch] = field(default_factory=list)
    best_epoch: int = 0
    weights: dict[str, float] = field(default_factory=dict)
    batches: int = 0  # of each task


class UncertaintyWeights(nn.Module):
    """Losses [n] of tasks -> sum of L_i exp(-s_i) + s_i / 2, with s_i = log sigma_i^2 learned, 0 at first.

    Source: Kendall et al., 2018 (arXiv 1705.07115), equation 10 for losses that are cross-entropies: the noisier a
    task, the less it counts, and log sigma keeps all of them from counting nothing.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(tasks))

    def forward(self, losses: Tensor) -> Tensor:
        """The one loss."""
        return (losses * torch.exp(-self.log_variance) + self.log_variance / 2).sum()


def learn_together(
    lessons: Mapping[str, Lesson],
    settings: TogetherSettings,
    *,
    batches: int | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Together:
    """Learn in place; keep the epoch whose held losses, each beside that of the first epoch, are lowest in the mean.

    Without held rows of any task the last epoch is kept. The same seed gives the same weights on one machine.
    batches : of each task in an epoch; None: one pass through the rows of the largest.
    """
    uncertainty = UncertaintyWeights(len(lessons)) if settings.weighting == "uncertainty" else None
    learned = nn.ModuleList([lesson.module for lesson in lessons.values()])
    groups = decay_matrices(learned, settings.weight_decay)
    if uncertainty is not None:
        groups.append({"params": list(uncertainty.parameters()), "weight_decay": 0.0})
    optimiser = without_compiler(torch.optim.AdamW)(groups, lr=settings.learning_rate, fused=True)
    names = list(lessons)
    batches = batches or max(lesson.batches for lesson in lessons.values())
    an_epoch = batches * (len(names) if settings.weighting == "round-robin" else 1)
    steps = settings.epochs * an_epoch
    random = np.random.default_rng(settings.seed)
    learning = Learning.of(learned, optimiser, random, steps=steps, warmup=settings.warmup)
    history: list[TogetherEpoch] = []
    seen: dict[str, list[float]] = {}

    def epoch() -> float:
        seen.update({name: [] for name in names})
        for step in range(len(history) * an_epoch, (len(history) + 1) * an_epoch):
            due = [names[step % len(names)]] if settings.weighting == "round-robin" else names
            losses = torch.stack([lessons[name].loss(step) for name in due])
            learning.step(_one_loss(losses, due, settings, uncertainty).backward)
            for name, loss in zip(due, losses.detach().tolist(), strict=True):
                seen[name].append(loss)
        return float(np.mean([np.mean(one) for one in seen.values()]))

    def measured() -> Held:
        held = {name: lesson.held() for name, lesson in lessons.items()}
        train = {name: float(np.mean(one)) for name, one in seen.items()}
        history.append(TogetherEpoch(len(history) + 1, train, held))
        return _beside_the_first(history), None

    told, best_epoch = learn_epochs(
        learning, settings.epochs, settings.patience, epoch, measured, advance=advance
    )
    del history[len(told) :]  # an epoch that diverged
    return Together(history, best_epoch, _weights(names, settings, uncertainty), batches)


def _one_loss(
    losses: Tensor, due: list[str], settings: TogetherSettings, uncertainty: UncertaintyWeights | None
) -> Tensor:
    if uncertainty is not None:
        made: Tensor = uncertainty(losses)
        return made
    return (losses * torch.tensor([settings.weights.get(name, 1.0) for name in due])).sum()


def _weights(
    names: list[str], settings: TogetherSettings, uncertainty: UncertaintyWeights | None
) -> dict[str, float]:
    if uncertainty is None:
        return {name: settings.weights.get(name, 1.0) for name in names}
    return dict(zip(names, torch.exp(-uncertainty.log_variance.detach()).tolist(), strict=True))


def _beside_the_first(history: list[TogetherEpoch]) -> float | None:
    """The mean over tasks of the last held loss by that of the first epoch: so that no task counts by its unit.

    (l + n) / (l_1 + n), n = NEAR: one that was perfect at first does not decide alone.
    """
    first, last = history[0].held, history[-1].held
    shares = []
    for name, loss in last.items():
        begun = first[name]
        if loss is not None and begun is not None:
            shares.append((loss + NEAR) / (begun + NEAR))
    return float(np.mean(shares)) if shares else None
