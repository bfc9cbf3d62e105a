"""The loop over epochs: learn, measure on held-out rows, keep the best, stop when nothing better comes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from torch import Tensor, nn

from motet.errors import TrainingError
from motet.training.checkpoint import Checkpoint, Progress, changing
from motet.training.epoch import Epoch
from motet.training.learning import Learning

log = logging.getLogger("motet")
Held = tuple[float | None, float | None]  # held-out loss and accuracy, as far as they can be told


def learn_epochs(
    learning: Learning,
    epochs: int,
    patience: int,
    learn: Callable[[], float],
    measure: Callable[[], Held],
    *,
    checkpoint: Checkpoint | None = None,
    enough: Callable[[], bool] = lambda: False,
    advance: Callable[[int], None] = lambda epochs: None,
) -> tuple[list[Epoch], int]:
    """Learn for so many epochs at most, in place; return what each gave and the epoch whose weights stay.

    The weights of the epoch with the lowest held-out loss stay, or those of the last where that cannot be told. They
    are left in eval mode. A loss that is no finite number ends it, which is said; TrainingError in the first epoch.

    patience : epochs without a better one after which no other begins. enough : true when none but the first shall.
    learn : one epoch -> its mean training loss; measure : after it, in eval mode.
    checkpoint : where the state is kept after each epoch, and taken from where it is there already: the weights are
        then those of a training that was never interrupted.
    """
    learned = learning.learned
    found = checkpoint.load(learning) if checkpoint is not None else None
    now = found or Progress([], 0, math.inf, _copied(learned))
    if now.history:
        advance(len(now.history))
    while len(now.history) < epochs and len(now.history) - now.best_epoch < patience:
        if now.history and enough():
            break
        learned.train()
        train_loss = learn()
        learned.eval()
        # What is not finite is not measured: comparisons refuse vectors that are none.
        loss, accuracy = measure() if math.isfinite(train_loss) else (math.nan, None)
        if loss is not None and not math.isfinite(loss):
            diverged(len(now.history) + 1, now.best_epoch)
            del learning.told[len(now.history) :]
            break
        epoch = Epoch(len(now.history) + 1, train_loss, loss, accuracy)
        history = [*now.history, epoch]
        if loss is None or loss < now.lowest:
            lowest = now.lowest if loss is None else loss
            now = Progress(history, epoch.epoch, lowest, _copied(learned))
        else:
            now = Progress(history, now.best_epoch, now.lowest, now.best)
        if checkpoint is not None:
            checkpoint.save(learning, now)
        advance(1)
    learned.load_state_dict(now.best, strict=False)  # what is frozen is as it was
    learned.eval()
    return now.history, now.best_epoch


def diverged(epoch: int, best: int) -> None:
    """Say that the loss is no number any more; TrainingError where no epoch before it can be kept."""
    said = f"training diverged in epoch {epoch}: its loss is no finite number"
    if not best:
        raise TrainingError(
            f"{said}: look for extreme values in what it learns from, or train with a smaller learning rate"
        )
    log.warning("%s; the weights of epoch %d are kept", said, best)


def _copied(learned: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in changing(learned)}
