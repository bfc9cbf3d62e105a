"""The `small` encoders are learned from scratch: network and linear head end to end, on the table's labels.

What comes out is a prepared encoder directory like that of any pretrained model. But it saw the labels of the
training rows, and the validation rows chose its epoch: only other rows can say how good it is.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from motet.data import ImageCells, TextCells
from motet.encoders.torch_small import Network, write_encoder
from motet.errors import TableError
from motet.evaluation import row_log_loss
from motet.progress import progress
from motet.runtime.combination import log_softmax
from motet.tasks import LinearClassifier, classification_loss
from motet.training.epoch import Epoch
from motet.training.epoch_loop import diverged
from motet.training.head_first import head_over
from motet.training.optimisers import decay_matrices
from motet.training.schedule import warm_then_cosine
from motet.training.scratch_rows import Batch, Reader
from motet.training.small import SmallSettings, make_small, pooled_rows

Rows = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class EndToEnd(nn.Module):
    """Network and linear head: inputs of P cells of B rows -> logits [B, C]."""

    def __init__(self, network: Network, classes: int, dropout: float) -> None:
        super().__init__()
        self.network = network
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(network.width, classes)

    def begin_with(self, head: LinearClassifier) -> None:
        """Take over the weights of a fitted head."""
        of = head.linear
        weight = of.scale.unsqueeze(1) * of.weight  # [D, C], of features as they are
        with torch.no_grad():
            self.classify.weight.copy_(weight.T)
            self.classify.bias.copy_(of.bias - of.mean @ weight)

    def forward(self, batch: Batch) -> Tensor:
        """Logits [B, C]."""
        pooled = pooled_rows(self.network, batch)
        logits: Tensor = self.classify(self.dropout(pooled))
        return logits


def fit_small(
    modality: str,
    cells: TextCells | ImageCells,
    labels: Labels,
    train: Rows,
    validation: Rows,
    classes: int,
    *,
    seed: int = 0,
    folder: Path,
    class_weights: Floats | None = None,
    settings: SmallSettings | None = None,
    start: Path | None = None,
) -> tuple[Path, list[Epoch]]:
    """Learn a `small` encoder, write its prepared directory into `folder`, return its path and the history.

    modality : `image` or `text`, that of `cells`, which hold all N rows.
    labels : [N] class numbers; rows below 0 have none and are left out.
    train, validation : row numbers; rows without the modality are left out. The weights kept are those of the
    epoch with the lowest validation log-loss, or training loss where there are no validation rows.
    class_weights : [C] weights of the classes in the loss.
    start : directory of an earlier `small` encoder to begin with, and with a linear probe over it: see `further`.

    The same seed on the same machine gives the same weights. Raises TrainingError where the loss of the first epoch is
    no finite number, TableError where no training row can be read, and UsageError where `cells` are of another
    modality.
    """
    settings = settings or SmallSettings()
    train, validation = (rows[cells.present[rows] & (labels[rows] >= 0)] for rows in (train, validation))
    _refuse_nothing(train, modality)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        small = make_small(modality, cells, train, validation, settings, random, start=start)
        reader, train, validation = small.reader, small.readable(train), small.readable(validation)
        _refuse_nothing(train, modality)
        module = EndToEnd(small.network, classes, settings.dropout)
        if start is not None:
            module.begin_with(head_over(small, labels, train, classes, class_weights))
        weights = None if class_weights is None else torch.from_numpy(class_weights)
        rate = settings.learning_rate_for(modality) * (1 if start is None else further(len(train)))
        history = _train(module, reader, labels, train, validation, settings, random, weights, modality, rate)
    return write_encoder(small.network, small.preprocessor, folder), history


def further(rows: int) -> float:
    """Share of the learning rate at which a network with earlier weights is learned on, from so many rows.

    Few rows would spoil what it has: of 150 fashion products a tenth of the rate gave .68 on rows not seen, all of it
    .61; of 560 demo products a tenth learned too little in 20 epochs (.66), all of it gave .80.
    """
    return min(1.0, max(0.1, rows / 600))


def _refuse_nothing(train: Rows, modality: str) -> None:
    if len(train) == 0:
        what = "picture" if modality == "image" else "text"
        raise TableError(
            f"no labelled training row has a {what} that can be read, so {modality}:small cannot be learned: "
            f"choose another {modality} encoder, or leave the {what} columns out"
        )


def _train(
    module: EndToEnd,
    reader: Reader,
    labels: Labels,
    train: Rows,
    validation: Rows,
    settings: SmallSettings,
    random: np.random.Generator,
    class_weights: Tensor | None,
    modality: str,
    rate: float,
) -> list[Epoch]:
    """Train in place, keep the weights of the best epoch, return the history."""
    accelerator = Accelerator()
    optimizer = torch.optim.AdamW(decay_matrices(module, settings.weight_decay), lr=rate)
    epochs, size = settings.epochs_for(len(train)), settings.rows_a_batch(len(train))
    steps = epochs * -(-len(train) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warm_then_cosine(step, steps, settings.warmup)
    )
    module, optimizer, schedule = accelerator.prepare(module, optimizer, schedule)
    weights = None if class_weights is None else class_weights.to(accelerator.device)
    history: list[Epoch] = []
    # Weights averaged over about the last epoch swing less from step to step than the last ones do.
    decay = 1 - 1 / max(2, min(len(train) // size, 100))
    mean = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
    averaged = mean.module
    kept = 0  # the epoch whose weights these are
    best, best_weights, since = math.inf, copy.deepcopy(module.state_dict()), 0
    with (
        _repeatable(accelerator.device),
        progress(f"training {modality}:small", epochs * len(train)) as advance,
    ):
        for number in range(1, epochs + 1):
            module.train()
            total, seen = 0.0, 0
            for rows in reader.parts(train, size, random):
                batch = _to(reader.read(rows, random), accelerator.device)
                advance(len(rows))
                if len(batch.rows) == 0:
                    continue
                wanted = torch.from_numpy(labels[batch.rows]).to(accelerator.device)
                loss = classification_loss(module(batch), wanted, weights)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(module.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                mean.update_parameters(module)
                optimizer.zero_grad()
                total, seen = total + float(loss.detach()) * len(batch.rows), seen + len(batch.rows)
            validated = _validate(averaged, reader, labels, validation, accelerator.device, class_weights)
            history.append(Epoch(number, total / max(seen, 1), *validated))
            watched = validated[0] if validated[0] is not None else history[-1].train_loss
            if not math.isfinite(watched):
                diverged(number, kept)
                del history[-1]
                break
            if watched < best - 1e-4:
                kept = number
                best, best_weights, since = watched, copy.deepcopy(averaged.state_dict()), 0
            else:
                since += 1
                if since >= settings.patience:
                    break
    module.load_state_dict(best_weights)
    return history


def _validate(
    module: nn.Module,
    reader: Reader,
    labels: Labels,
    rows: Rows,
    device: torch.device,
    class_weights: Tensor | None,
) -> tuple[float | None, float | None]:
    """Log-loss, weighted as in training, and accuracy over the rows that can be read; nothing where there is none."""
    module.eval()
    logits, read = [], []
    with torch.inference_mode():
        for begin in range(0, len(rows), 128):
            batch = _to(reader.read(rows[begin : begin + 128]), device)
            if len(batch.rows):
                logits.append(module(batch).float().cpu().numpy())
                read.append(labels[batch.rows])
    if not read:
        return None, None
    answers, wanted = np.concatenate(logits), np.concatenate(read)
    share = None if class_weights is None else class_weights.cpu().numpy()[wanted]
    loss = np.average(row_log_loss(log_softmax(answers), wanted), weights=share)
    return float(loss), float((answers.argmax(axis=1) == wanted).mean())


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Ask an accelerator for operations that give the same sums every time; a processor's do already."""
    before = torch.are_deterministic_algorithms_enabled()
    if device.type != "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _to(batch: Batch, device: torch.device) -> Batch:
    inputs = {name: value.to(device) for name, value in batch.inputs.items()}
    return Batch(batch.rows, inputs, batch.owner.to(device))
