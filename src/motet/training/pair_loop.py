"""The loop that learns from pictures and their sentences: batches of pairs, a schedule, the best epoch is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.training.checkpoint import Checkpoint
from motet.training.epoch import Epoch
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.learning import Learning
from motet.training.match_settings import MatchSettings
from motet.training.optimisers import without_compiler
from motet.training.pairs import PairFeatures, PairSampler, Rows
from motet.training.processes import as_the_leader, leaders_number


@dataclass(frozen=True)
class PairBatch:
    """Numbers of N pictures and M sentences, which of them belong together [N, M], and the step, from 0."""

    pictures: Rows
    sentences: Rows
    positives: Tensor
    step: int

    def belong(self, pictures: Rows, sentences: Rows) -> npt.NDArray[np.bool_]:
        """Which [n, m] of some of the pictures and sentences of this batch belong together."""
        places = [
            {number: place for place, number in enumerate(all_of.tolist())}
            for all_of in (self.pictures, self.sentences)
        ]
        at = [
            [of[number] for number in some.tolist()]
            for of, some in zip(places, (pictures, sentences), strict=True)
        ]
        return self.positives.numpy()[np.ix_(*at)]


def learn_pairs(
    features: PairFeatures,
    train: Rows,
    settings: MatchSettings,
    learned: nn.Module,
    groups: Sequence[dict[str, Any]],
    backward: Callable[[PairBatch], float],
    found: Callable[[], float | None],
    advance: Callable[[int], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[list[Epoch], int]:
    """Train in place on the pictures `train` and their sentences; return the history and the epoch whose weights stay.

    learned : all that is trained, and left in eval mode; groups : its parameters, as AdamW takes them.
    backward : adds the gradient of a batch and returns its loss. found : how well held pictures are found, the more the
        better, or None without any: then the last epoch stays. checkpoint : see `learn_epochs`.
    """
    order = np.random.default_rng(settings.seed)
    optimiser = without_compiler(torch.optim.AdamW)(groups, lr=settings.learning_rate, fused=True)
    size, epochs = settings.rows_a_batch(len(train)), settings.epochs_for(len(train))
    batches = max(1, len(train) // size)  # what is left over comes in another epoch's order
    learning = Learning.of(learned, optimiser, order, steps=epochs * batches, warmup=settings.warmup)
    sampler = PairSampler(features, features.sentences_of(train), settings.sentences)

    def epoch() -> float:
        total = 0.0
        shuffled = order.permutation(train)
        for begin in range(0, batches * size, size):
            pictures = np.sort(shuffled[begin : begin + size])
            sentences = sampler.draw(pictures, order)
            positives = torch.from_numpy(sampler.positives(pictures, sentences))
            batch = PairBatch(pictures, sentences, positives, learning.schedule.last_epoch)
            total += learning.step(partial(backward, batch))
        return total / batches

    def measured() -> Held:
        as_the_leader(learned)
        share = leaders_number(found())
        return None if share is None else 1 - share, None

    return learn_epochs(
        learning, epochs, settings.patience, epoch, measured, checkpoint=checkpoint, advance=advance
    )
