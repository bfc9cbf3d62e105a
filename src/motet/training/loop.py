"""The training loop of fused heads: AdamW over cached features, modality dropout, early stopping on held-out rows."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.func import vmap  # type: ignore[attr-defined]

from motet.encoders import Features
from motet.fusion import Projection, Source
from motet.selection import temperature_of
from motet.tasks import ClassifierEnsemble, FusedClassifier, Objective
from motet.training.balance import Balance
from motet.training.designs import standardisation, token_standardisation
from motet.training.folds import Fold, Tables
from motet.training.latent_tokens import LatentTokens
from motet.training.optimisers import without_compiler
from motet.training.schedule import warm_then_cosine
from motet.training.stacked import Batch, StackedHeads
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
MakeHead = Callable[[Sequence[Source]], FusedClassifier]
TOKEN_ROWS = 96  # at a time where tokens are read: each row is a hundred vectors
_DRAWING = threading.Lock()  # first weights come from PyTorch's own generator, one for all threads
LEAST_GAIN = 1e-4  # of held-out loss: less is no gain


@dataclass(frozen=True)
class Settings:
    """How a fused head is trained."""

    epochs: int = 10
    least_steps: int = 60  # in all epochs together, so that small tables take more epochs
    rows_shown: int = 3_000_000  # in all epochs together, so that large tables take fewer
    patience: int = 4
    learning_rate: float = 3e-3
    warmup: float = 0.1  # share of all steps
    weight_decay: float = 0.05
    batch_size: int | None = None  # None: up to 512, growing with the table
    members: int = 2  # classifiers with different first weights, whose probabilities are averaged
    balance: Balance = field(default_factory=Balance)
    curves: bool = False  # whether each modality is measured alone after each epoch, which takes longer
    seed: int = 0

    def rows_a_batch(self, rows: int) -> int:
        """Batch size for this many training rows: 32 steps an epoch, but 96 to 512 rows, and at most a quarter."""
        return self.batch_size or max(1, min(512, max(96, rows // 32), -(-rows // 4)))

    def epochs_for(self, rows: int) -> int:
        """Epochs at most for this many training rows: at least 2."""
        steps = -(-rows // self.rows_a_batch(rows)) or 1
        return min(max(self.epochs, -(-self.least_steps // steps)), max(2, self.rows_shown // max(rows, 1)))


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean training loss, held-out loss and accuracy (null without such rows, or classes).

    alone : where curves were asked for, the held-out loss when each modality alone is shown, on the rows that have
        it, after a temperature: what the head has learned from it, and not how sure it is of that.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    alone: dict[str, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in `evaluation.json`; `alone` only where it was measured."""
        found = asdict(self)
        if self.alone is None:
            del found["alone"]
        return found


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
    sources = [replace(s, width=max(_width(s, fold.tables) for fold in folds)) for s in sources]
    with _DRAWING:
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
                batch, wanted, weights = _read(
                    sources, folds, chosen, objective, settings.members, hide, order, accelerator.device
                )
                logits = stack.train_logits(batch)
                # Each head has a loss of its own: trained on that of their mean they would lean on one another.
                losses = loss_of_each(logits, wanted, weights)  # [G]
                for modality in modalities if settings.balance.auxiliary else ():
                    single, shown = _only(modality, batch, sources)
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
            watched, validation = _validate(stack, sources, folds, objective, settings.members)
            alone = _alone(stack, sources, folds, objective, settings.members) if settings.curves else None
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


def predict_logits(
    head: Any, tables: Tables, rows: Rows, *, shown: frozenset[str] | None = None, size: int = 512
) -> npt.NDArray[np.float32]:
    """Logits [n, C] of the given rows in eval mode; `shown`: modalities not to be hidden (default: all)."""
    head.eval()
    size = min(size, TOKEN_ROWS) if any(source.read != "pooled" for source in head.sources) else size
    parts = []
    with one_thread(), torch.inference_mode():
        for begin in range(0, max(len(rows), 1), size):
            batch = {}
            for source in head.sources:
                pooled, present, *tokens = read_rows(source, tables, rows[begin : begin + size])
                if shown is not None and source.modality not in shown:
                    present = np.zeros_like(present)
                batch[source.name] = Features(*map(torch.from_numpy, (pooled, present, *tokens)))
            parts.append(head(batch).float().numpy())
    return np.concatenate(parts)


def read_rows(source: Source, tables: Tables, rows: Rows) -> tuple[npt.NDArray[Any], ...]:
    """Pooled [n, D] of a source, filled with zeros up to its width, and present [n].

    Of a source whose tokens are read: pooled, present, tokens [n, T, D] and mask [n, T].
    """
    table = tables[source.name]
    pooled = table.rows.dense(rows)
    if source.read != "pooled":
        assert table.tokens is not None
        return pooled, table.present[rows], *table.tokens.dense(rows)
    lacking = source.width - pooled.shape[1]
    return (np.pad(pooled, ((0, 0), (0, lacking))) if lacking else pooled), table.present[rows]


def _width(source: Source, tables: Tables) -> int:
    """D of what is read."""
    table = tables[source.name]
    if source.read == "pooled":
        return table.width
    assert table.tokens is not None
    return table.tokens.width


def shown_modalities(
    present: Bools, rates: float | npt.NDArray[np.floating], order: np.random.Generator
) -> Bools:
    """Of the modalities that rows have [..., M], those not hidden: each is with its chance [M], but never all."""
    hidden = order.random(present.shape) < rates
    emptied = present.any(axis=-1) & ~(present & ~hidden).any(axis=-1)
    hidden[emptied] = False
    return present & ~hidden


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


def _only(modality: str, batch: Batch, sources: Sequence[Source]) -> tuple[Batch, Tensor]:
    """The same batch with every other modality hidden, and which rows [G, B] still show something."""
    of = {source.name: source.modality for source in sources}
    alone = {
        name: (pooled, present if of[name] == modality else torch.zeros_like(present), *tokens)
        for name, (pooled, present, *tokens) in batch.items()
    }
    return alone, torch.stack([present for _, present, *_ in alone.values()]).any(dim=0)


def _read(
    sources: Sequence[Source],
    folds: Sequence[Fold],
    chosen: Sequence[Rows],
    objective: Objective,
    members: int,
    hide: npt.NDArray[np.floating],
    order: np.random.Generator,
    device: torch.device,
) -> tuple[dict[str, tuple[Tensor, ...]], Tensor, Tensor]:
    """The chosen rows of each fold, modalities hidden with the chances [M], for each member of each fold: [G, B, D],
    [G, B]; what is wanted of them [G, B, O], and their weights [G, B]."""
    read = {
        source.name: [read_rows(source, fold.tables, rows) for fold, rows in zip(folds, chosen, strict=True)]
        for source in sources
    }
    present = {name: np.stack([one[1] for one in each]) for name, each in read.items()}  # [K, B]
    modalities = list(dict.fromkeys(source.modality for source in sources))
    of = {m: [s.name for s in sources if s.modality == m] for m in modalities}
    have = np.stack([np.any([present[name] for name in of[m]], axis=0) for m in modalities], axis=-1)
    shown = shown_modalities(have, hide, order)

    def for_members(values: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.repeat(values, members, axis=0)).to(device)

    batch = {
        source.name: (
            for_members(np.stack([one[0] for one in read[source.name]])),
            for_members(present[source.name] & shown[..., modalities.index(source.modality)]),
            *(
                for_members(_of_one_length(each))
                for each in zip(*(one[2:] for one in read[source.name]), strict=True)
            ),
        )
        for source in sources
    }
    wanted = np.stack(
        [objective.wanted(fold.labels[rows]).numpy() for fold, rows in zip(folds, chosen, strict=True)]
    )
    weights = np.stack([fold.weights_of(rows) for fold, rows in zip(folds, chosen, strict=True)])
    return batch, for_members(wanted), for_members(weights)


def _of_one_length(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Arrays [B, T, ...] of different T, filled with zeros to the longest: [K, B, T, ...]."""
    longest = max(array.shape[1] for array in arrays)
    rest = ((0, 0),) * (arrays[0].ndim - 2)
    return np.stack([np.pad(a, ((0, 0), (0, longest - a.shape[1]), *rest)) for a in arrays])


def _alone(
    stack: StackedHeads,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    objective: Objective,
    members: int,
) -> dict[str, float | None]:
    """Loss after a temperature of the held rows that have a modality, the others hidden."""
    found: dict[str, float | None] = {}
    for modality in dict.fromkeys(source.modality for source in sources):
        names = [source.name for source in sources if source.modality == modality]
        tables = [
            {
                n: t if n in names else replace(t, present=np.zeros_like(t.present))
                for n, t in f.tables.items()
            }
            for f in folds
        ]
        held = [f.held[np.all([f.tables[n].present[f.held] for n in names], axis=0)] for f in folds]
        shown = [replace(f, tables=t, held=h) for f, t, h in zip(folds, tables, held, strict=True)]
        found[modality] = _validate(stack, sources, shown, objective, members)[0]
    return found


def _validate(
    stack: StackedHeads,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    objective: Objective,
    members: int,
    *,
    size: int = 4096,
) -> tuple[float | None, tuple[float | None, float | None]]:
    """Loss after a temperature, and (loss, accuracy of classes), of the held rows of all folds; None without any."""
    logits, labels = [], []
    size = min(size, TOKEN_ROWS) if any(source.read != "pooled" for source in sources) else size
    with torch.inference_mode():
        for number, fold in enumerate(folds):
            for begin in range(0, len(fold.held), size):
                rows = fold.held[begin : begin + size]
                features = {}
                for source in sources:
                    read = (torch.from_numpy(a) for a in read_rows(source, fold.tables, rows))
                    features[source.name] = Features(*(a.to(stack.device) for a in read))
                each = [stack.logits(number * members + m, features) for m in range(members)]
                logits.append(objective.pooled(torch.stack(each)).float().cpu().numpy())
                labels.append(fold.labels[rows])
    if not logits:
        return None, (None, None)
    target, truth = objective.target, np.concatenate(labels)
    answers = target.spread(np.concatenate(logits))
    calibrated = target.losses(answers / temperature_of(target, answers, truth), truth)
    right = target.score_of(target.answers(answers), truth) if target.score == "accuracy" else None
    return float(calibrated.mean()), (float(target.losses(answers, truth).mean()), right)
