"""The training loop of fused heads: AdamW over cached features, modality dropout, early stopping."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor

from motet.encoders import Features, FeatureTable, SparseRows
from motet.evaluation import log_loss
from motet.fusion import Projection, sparse_batch
from motet.progress import progress
from motet.runtime.combination import log_softmax
from motet.tasks import ClassifierEnsemble, FusedClassifier, classification_loss
from motet.training.probe import standardisation

Rows = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Tables = Mapping[str, FeatureTable]
Head = FusedClassifier | ClassifierEnsemble
LEAST_GAIN = 1e-4  # of validation log-loss: less is no gain


@dataclass(frozen=True)
class Settings:
    """How a fused head is trained."""

    epochs: int = 40
    patience: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    batch_size: int | None = None  # None: 128 to 512, growing with the table
    members: int = 2  # classifiers with different first weights, whose probabilities are averaged
    modality_dropout: float = 0.2  # chance that a row hides a modality, for each modality that it has
    seed: int = 0

    def rows_a_batch(self, rows: int) -> int:
        """Batch size for this many training rows: about 24 steps an epoch, within 128 to 512."""
        return self.batch_size or int(2 ** min(9, max(7, round(math.log2(max(rows, 1) / 24)))))


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean training loss, validation log-loss and accuracy (null without such rows)."""

    epoch: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None

    def to_json(self) -> dict[str, Any]:
        """As it stands in `evaluation.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Trained:
    """A trained head at its best epoch, and its history."""

    module: Head
    history: list[Epoch] = field(default_factory=list)


def train_head(
    head: Head,
    tables: Tables,
    labels: Labels,
    train: Rows,
    validation: Rows,
    settings: Settings,
    *,
    class_weights: npt.NDArray[np.float32] | None = None,
    description: str = "fusion",
) -> Trained:
    """Train `head` on the training rows; keep the weights of the epoch with the lowest validation log-loss.

    tables : features of each source, all of N rows; labels [N]; train, validation : row numbers.

    Modality dropout: in each batch every row hides each of its modalities with a chance of its own, but never
    its last one, so that the learned missing tokens are trained and no modality is leaned on alone.
    """
    torch.manual_seed(settings.seed)
    order = np.random.default_rng(settings.seed)
    accelerator = Accelerator()
    for place, source in enumerate(head.sources):
        mean, scale = standardisation(tables[source.name], train)
        for member in head.members:
            projection = cast(Projection, member.fusion.projections[place])
            projection.linear.standardise(torch.from_numpy(mean), torch.from_numpy(scale))
    weights = None if class_weights is None else torch.from_numpy(class_weights).to(accelerator.device)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    head, optimizer = accelerator.prepare(head, optimizer)
    size = settings.rows_a_batch(len(train))
    history: list[Epoch] = []
    best, best_weights, since = math.inf, copy.deepcopy(head.state_dict()), 0
    with one_thread(), progress(f"training {description}", settings.epochs) as advance:
        for number in range(1, settings.epochs + 1):
            head.train()
            total = 0.0
            shuffled = order.permutation(train)
            for begin in range(0, len(shuffled), size):
                rows = np.sort(shuffled[begin : begin + size])
                batch = read_batch(head, tables, rows, accelerator.device)
                batch = hide_modalities(head, batch, settings.modality_dropout, order)
                wanted = torch.from_numpy(labels[rows]).to(accelerator.device)
                losses = [classification_loss(member(batch), wanted, weights) for member in head.members]
                accelerator.backward(torch.stack(losses).sum())
                for member in head.members:
                    accelerator.clip_grad_norm_(member.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                total += sum(float(loss.detach()) for loss in losses) / len(losses) * len(rows)
            epoch = Epoch(number, total / max(len(train), 1), *_validate(head, tables, labels, validation))
            history.append(epoch)
            advance(1)
            watched = epoch.train_loss if epoch.validation_loss is None else epoch.validation_loss
            if watched < best - LEAST_GAIN:
                best, best_weights, since = watched, copy.deepcopy(head.state_dict()), 0
            else:
                since += 1
            if since >= settings.patience:
                break
    head.load_state_dict(best_weights)
    return Trained(head.cpu().eval(), history)


def _validate(
    head: Head, tables: Tables, labels: Labels, validation: Rows
) -> tuple[float | None, float | None]:
    """Log-loss and accuracy on validation rows, or nothing where there are none."""
    if len(validation) == 0:
        return None, None
    logits = predict_logits(head, tables, validation)
    right = logits.argmax(axis=1) == labels[validation]
    return log_loss(log_softmax(logits), labels[validation]), float(right.mean())


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: a step over cached features is too small to share.

    Starting and joining threads costs about what they save, and many times more where another program runs beside.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def read_batch(
    head: Any, tables: Tables, rows: Rows, device: torch.device | str = "cpu"
) -> dict[str, Features[Tensor]]:
    """The given rows of each source that `head` reads, as torch tensors."""
    batch = {}
    for source in head.sources:
        table = tables[source.name]
        pooled = (
            sparse_batch(table.rows.take(rows))
            if isinstance(table.rows, SparseRows)
            else torch.from_numpy(table.rows.dense(rows))
        )
        present = torch.from_numpy(table.present[rows])
        batch[source.name] = Features(pooled.to(device), present.to(device))
    return batch


def hide_modalities(
    head: Head, batch: Mapping[str, Features[Tensor]], rate: float, order: np.random.Generator
) -> dict[str, Features[Tensor]]:
    """Hide each present modality of each row with chance `rate`, but never all that a row has."""
    modalities = list(dict.fromkeys(source.modality for source in head.sources))
    of = {modality: [s.name for s in head.sources if s.modality == modality] for modality in modalities}
    present = np.stack(
        [np.any([batch[name].present.cpu().numpy() for name in of[m]], axis=0) for m in modalities], axis=1
    )  # [B, M]
    hidden = order.random(present.shape) < rate
    emptied = present.any(axis=1) & ~(present & ~hidden).any(axis=1)
    hidden[emptied] = False
    kept = torch.from_numpy(present & ~hidden)
    shown = dict(batch)
    for column, modality in enumerate(modalities):
        for name in of[modality]:
            features = batch[name]
            shown[name] = Features(
                features.pooled, features.present & kept[:, column].to(features.present.device)
            )
    return shown


def predict_logits(
    head: Any, tables: Tables, rows: Rows, *, shown: frozenset[str] | None = None, size: int = 512
) -> npt.NDArray[np.float32]:
    """Logits [n, C] of the given rows in eval mode; `shown`: modalities not to be hidden (default: all)."""
    head.eval()
    device = next(head.parameters()).device
    parts = []
    with one_thread(), torch.inference_mode():
        for begin in range(0, max(len(rows), 1), size):
            batch = read_batch(head, tables, rows[begin : begin + size], device)
            if shown is not None:
                for source in head.sources:
                    if source.modality not in shown:
                        hidden = batch[source.name]
                        batch[source.name] = Features(hidden.pooled, torch.zeros_like(hidden.present))
            parts.append(head(batch).float().cpu().numpy())
    return np.concatenate(parts)
