"""The training loop of fused heads: AdamW over cached features, modality dropout, early stopping on held-out rows."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.func import vmap  # type: ignore[attr-defined]

from motet.fusion import Projection, Source
from motet.tasks import ClassifierEnsemble, FusedClassifier, Objective
from motet.training.batches import TOKEN_ROWS, only, read_batch, width_of
from motet.training.designs import standardisation, token_standardisation
from motet.training.epoch import Epoch
from motet.training.folds import Fold
from motet.training.held_out import validate, validate_alone
from motet.training.latent_tokens import LatentTokens
from motet.training.optimisers import without_compiler
from motet.training.schedule import warm_then_cosine
from motet.training.settings import Settings
from motet.training.stacked import StackedHeads
from motet.training.threads import one_thread

MakeHead = Callable[[Sequence[Source]], FusedClassifier]
_DRAWING = threading.Lock()  # first weights come from PyTorch's own generator, one for all threads
LEAST_GAIN = 1e-4  # of held-out loss: less is no gain


@dataclass(frozen=True)
class Trained:
    """Trained heads, one ensemble for each fold, all at their best common epoch (from 1); the epochs that the schedule
    had; and the history."""

    heads: list[ClassifierEnsemble]
    best_epoch: int
    epochs: int
    history: list[Epoch]

    @property
    def best_share(self) -> float:
        """How far along the schedule the best epoch lies, above 0 to 1."""
        return self.best_epoch / self.epochs


def train_heads(
    make: MakeHead,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    objective: Objective,
    settings: Settings,
    *,
    stop_after: int | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Trained:
    """Train an ensemble of heads for each fold, all together; keep the epoch with the lowest held-out loss.

    make : a new head, its weights drawn from PyTorch's generator. sources : names and modalities; widths are those
    of the folds' tables (narrower ones are filled with zeros). The loss is measured over the held rows of all folds
    after a temperature of its own, so that what is only too sure of itself does not stop the training.
    stop_after : end after this many epochs of the same schedule, whatever is held out, and keep the last.
    advance : told of each epoch that is done. Several trainings may run side by side, in threads.

    Modality dropout: in each batch every row hides each of its modalities with a chance of its own, but never
    its last one, so that the learned missing tokens are trained and no modality is leaned on alone.
    """
    order = np.random.default_rng(settings.seed)
    sources = [replace(s, width=max(width_of(s, fold.tables) for fold in folds)) for s in sources]
    with _DRAWING, torch.random.fork_rng():
        accelerator = Accelerator()
        torch.manual_seed(settings.seed)
        heads = [make(sources) for _ in folds for _ in range(settings.members)]
    for number, fold in enumerate(folds):
        _standardise(heads[number * settings.members : (number + 1) * settings.members], fold)
    stack = StackedHeads(heads, accelerator.device, settings.seed)
    optimizer = without_compiler(torch.optim.AdamW)(
        _by_learning_rate(stack, sources, settings),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    modalities = list(dict.fromkeys(source.modality for source in sources))
    rows = min(len(fold.fit) for fold in folds)  # a fold with more leaves others out in each epoch
    size, epochs = settings.rows_a_batch(rows), settings.epochs_for(rows)
    size = min(size, TOKEN_ROWS) if any(source.read != "pooled" for source in sources) else size
    steps = epochs * -(-rows // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warm_then_cosine(step, steps, settings.warmup)
    )
    optimizer, schedule = accelerator.prepare(optimizer, schedule)
    loss_of_each = vmap(objective.loss)
    history: list[Epoch] = []
    last = epochs if stop_after is None else min(epochs, stop_after)
    lowest, best, best_epoch = math.inf, stack.state(), 0
    with one_thread():
        for number in range(1, last + 1):
            total = 0.0
            shuffled = [order.permutation(fold.fit)[:rows] for fold in folds]
            hide = settings.balance.rates(modalities, (number - 1) / epochs)
            for begin in range(0, rows, size):
                chosen = [np.sort(each[begin : begin + size]) for each in shuffled]
                batch, wanted, weights = read_batch(
                    sources, folds, chosen, objective, settings.members, hide, order, accelerator.device
                )
                logits = stack.train_logits(batch)
                # Each head has a loss of its own: trained on that of their mean they would lean on one another.
                losses = loss_of_each(logits, wanted, weights)  # [G]
                for modality in modalities if settings.balance.auxiliary else ():
                    single, shown = only(modality, batch, sources)
                    share = settings.balance.auxiliary / len(modalities)
                    losses = losses + share * loss_of_each(
                        stack.train_logits(single), wanted, weights * shown
                    )
                accelerator.backward(losses.sum())
                stack.clip_gradients(1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                total += float(losses.detach().mean()) * len(chosen[0])
            watched, validation = validate(stack, sources, folds, objective, settings.members)
            alone = (
                validate_alone(stack, sources, folds, objective, settings.members)
                if settings.curves
                else None
            )
            history.append(Epoch(number, total / max(rows, 1), *validation, alone))
            advance(1)
            if stop_after is not None or watched is None or watched < lowest - LEAST_GAIN:
                lowest = math.inf if watched is None else watched
                best, best_epoch = stack.state(), number
            if number - best_epoch >= settings.patience:
                break
    trained = stack.unstack(best)
    return Trained(
        [
            ClassifierEnsemble(trained[i : i + settings.members], objective)
            for i in range(0, len(trained), settings.members)
        ],
        best_epoch,
        epochs,
        history,
    )


def _standardise(heads: Sequence[FusedClassifier], fold: Fold) -> None:
    for place, source in enumerate(heads[0].sources):
        table = fold.tables[source.name]
        if source.read == "pooled":
            mean, scale = standardisation(table, fold.fit)
        elif isinstance(table.tokens, LatentTokens):  # they have a scale of their own
            mean, scale = np.zeros(source.width, np.float32), np.ones(source.width, np.float32)
        else:
            mean, scale = token_standardisation(table, fold.fit)
        lacking = (0, source.width - len(mean))
        mean, scale = np.pad(mean, lacking), np.pad(scale, lacking)
        for head in heads:
            linear = cast(Projection, head.fusion.projections[place]).linear
            linear.standardise(torch.from_numpy(mean), torch.from_numpy(scale))


def _by_learning_rate(
    stack: StackedHeads, sources: Sequence[Source], settings: Settings
) -> list[dict[str, Any]]:
    """All parameters, in groups: projections of a modality with a learning rate of its own stand apart."""
    groups: dict[float, list[Tensor]] = {}
    for name, parameter in stack.parameters.items():
        owner = re.match(r"fusion\.projections\.(\d+)\.", name)
        modality = sources[int(owner[1])].modality if owner else ""
        groups.setdefault(settings.balance.learning_rate_of.get(modality, 1.0), []).append(parameter)
    return [{"params": each, "lr": settings.learning_rate * factor} for factor, each in groups.items()]
