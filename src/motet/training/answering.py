"""How answering is learned: encoders and heads end to end, or heads alone over cached tokens, in one loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.data.answers import AnswerCounts
from motet.encoders import Features
from motet.evaluation import row_log_loss
from motet.fusion import FUSIONS, Projection, Source, draw_from, on_tokens
from motet.runtime.combination import log_softmax
from motet.tasks import FusedClassifier
from motet.tasks.answer import answer_loss, answer_targets
from motet.training.answer_settings import AnswerSettings
from motet.training.answer_sources import AskedBatch, AskedRows, AskedSource, LiveEncoders
from motet.training.checkpoint import Checkpoint
from motet.training.epoch import Epoch
from motet.training.epoch_loop import learn_epochs
from motet.training.latent import Bases, multiply_out
from motet.training.learning import Learning
from motet.training.optimisers import decay_matrices, without_compiler

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Moments = Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
NO_MOMENTS: Moments = MappingProxyType({})
ALONE = {"image": "image-only", "text": "question-only"}
ALONE_EVERY = 4  # steps of which one trains the heads of one modality too: they learn far less, sooner
MEASURED_AT_ONCE = 512


class AnswerNetwork(nn.Module):
    """Encoders that are learned, a fused head, and a head for each modality by itself: a batch -> logits by head.

    Heads of one modality take the encoders as they find them: their loss moves no weight of an encoder. What they share
    with the fused head is the clipping of gradients and the stream of dropout.
    """

    def __init__(
        self,
        sources: Sequence[AskedSource],
        fusion: str,
        classes: int,
        settings: AnswerSettings,
        moments: Moments = NO_MOMENTS,
    ) -> None:
        super().__init__()
        self.encoders = LiveEncoders(sources)
        self.fused = on_tokens(fusion)
        read = [replace(one.source, read=_how(one.source, FUSIONS[fusion].reads_tokens)) for one in sources]
        deep = {"layers": settings.layers} if FUSIONS[fusion].layered else {}
        made = {self.fused: FUSIONS[fusion](read, width=settings.width, dropout=settings.dropout, **deep)}
        for modality in dict.fromkeys(source.modality for source in read):
            mine = [replace(s, read=_how(s, tokens=False)) for s in read if s.modality == modality]
            made[ALONE[modality]] = FUSIONS["concat"](mine, width=settings.width, dropout=settings.dropout)
        for one in made.values():
            for source, projection in zip(one.sources, one.projections, strict=True):
                if source.read == "pooled" and source.name in moments:
                    mean, scale = map(torch.from_numpy, moments[source.name])
                    cast(Projection, projection).linear.standardise(mean, scale)
        self.names, self.classes = list(made), classes
        self.heads = nn.ModuleList(
            FusedClassifier(one, classes, dropout=settings.dropout) for one in made.values()
        )

    def head(self, name: str) -> FusedClassifier:
        """A head by its name."""
        found = self.heads[self.names.index(name)]
        assert isinstance(found, FusedClassifier)
        return found

    def forward(self, batch: AskedBatch, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Logits [B, C] of every head, or of those that are named."""
        features = self.encoders(batch)
        as_found = {name: _detached(one) for name, one in features.items()}
        made = {}
        for name in self.names if names is None else names:
            head = self.head(name)
            given = features if name == self.fused else as_found
            made[name] = head({source.name: given[source.name] for source in head.sources})
        return made


@dataclass(frozen=True)
class Answering:
    """What was learned, how it went, and which epoch was kept; `cut` where the time did not reach."""

    network: AnswerNetwork
    rows: AskedRows
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    cut: bool = False

    def logits(self, head: str, rows: Rows, shown: frozenset[str] | None = None) -> Floats:
        """Logits [n, C] of a head on some rows, of whose modalities only those `shown` are."""
        if not len(rows):
            return np.zeros((0, self.network.classes))
        parts = np.array_split(rows, max(1, -(-len(rows) // MEASURED_AT_ONCE)))
        with torch.inference_mode():
            made = [self.network(self.rows.read(some, shown=shown), [head])[head].numpy() for some in parts]
        return np.concatenate(made)


@torch.random.fork_rng()
def fit_answers(
    sources: Sequence[AskedSource],
    counts: AnswerCounts,
    train: Rows,
    held: Rows,
    fusion: str,
    settings: AnswerSettings,
    *,
    moments: Moments = NO_MOMENTS,
    time_limit: float | None = None,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Answering:
    """Train on the rows `train`; keep the epoch whose fused head has the lowest log-loss on `held`, or else the last.

    Each row of `train` has a known answer. Rows about one picture come together, `questions` at a time: a batch
    encodes it once.
    moments : mean and 1 / deviation of pooled sources. time_limit : seconds after which no further epoch begins.
    checkpoint : see `learn_epochs`. The same seed gives the same weights.
    """
    begun = time.monotonic()
    asked = AskedRows(sources, len(counts.totals))
    measured = held[counts.common[held] >= 0]
    torch.manual_seed(settings.seed)
    network = AnswerNetwork(sources, fusion, counts.size, settings, moments)
    draw_from(network, torch.Generator().manual_seed(settings.seed))
    optimiser = without_compiler(torch.optim.AdamW)(
        decay_matrices(network, settings.weight_decay), lr=settings.learning_rate, fused=True
    )
    size = settings.rows_a_batch(len(train))
    epochs = settings.epochs_for(len(train))
    steps = epochs * -(-len(train) // size)
    random = np.random.default_rng(settings.seed)
    learning = Learning.of(network, optimiser, random, steps=steps, warmup=settings.warmup)
    picture = next((one.number for one in sources if one.source.modality == "image"), None)
    made = Answering(network, asked)

    def epoch() -> float:
        total, shown = 0.0, 0
        for step, rows in enumerate(question_batches(train, picture, size, settings.questions, random)):
            batch = asked.read(rows, hide=settings.hide, random=random)
            targets = torch.from_numpy(answer_targets(counts.dense(rows), counts.totals[rows]))
            logits = network(batch, None if step % ALONE_EVERY == 0 else [network.fused])
            losses = [answer_loss(one, targets) for one in logits.values()]
            learning.step(torch.stack(losses).sum().backward)
            total, shown = total + float(losses[0].detach()) * len(rows), shown + len(rows)
        return total / shown

    def late() -> bool:
        return time_limit is not None and time.monotonic() - begun > time_limit

    history, best_epoch = learn_epochs(
        learning,
        epochs,
        settings.patience,
        epoch,
        lambda: measured_answers(made, network.fused, measured, counts),
        checkpoint=checkpoint,
        enough=late,
        advance=advance,
    )
    cut = late() and len(history) < epochs and len(history) - best_epoch < settings.patience
    return replace(made, history=history, best_epoch=best_epoch, cut=cut)


def finish_heads(network: AnswerNetwork, bases: Bases) -> Mapping[str, FusedClassifier]:
    """Copies of the heads by name, reading whole features where they were trained on few dimensions of them."""
    made = {name: copy.deepcopy(network.head(name)) for name in network.names}
    for head in made.values():
        multiply_out(head.fusion, bases)  # type: ignore[arg-type]
    return made


def _how(source: Source, tokens: bool) -> Literal["pooled", "tokens", "attention"]:
    """How a head reads a source that has tokens: as they are, or as one vector that attention makes of them."""
    if source.read == "pooled":
        return "pooled"
    return "tokens" if tokens else "attention"


def question_batches(
    rows: Rows, picture: Rows | None, size: int, questions: int, random: np.random.Generator
) -> list[Rows]:
    """All rows in random order, in parts of about `size`; `questions` about one picture stand together."""
    shuffled = random.permutation(rows)
    if picture is not None:
        number = picture[shuffled]
        _, unit = np.unique(np.where(number < 0, -1 - shuffled, number), return_inverse=True)
        order = np.argsort(unit, kind="stable")  # pictures together, the questions about each in random order
        shuffled, unit = shuffled[order], unit[order]
        within = np.arange(len(unit)) - np.searchsorted(unit, unit)
        starts = np.flatnonzero(within % questions == 0)
        runs = np.split(shuffled, starts[1:])
        shuffled = np.concatenate([runs[place] for place in random.permutation(len(runs))])
    return np.array_split(shuffled, max(1, -(-len(rows) // size)))


def measured_answers(
    made: Answering, head: str, rows: Rows, counts: AnswerCounts
) -> tuple[float | None, float | None]:
    """Log-loss and accuracy by the most common answers, None without rows."""
    if not len(rows):
        return None, None
    logits = log_softmax(made.logits(head, rows))
    truth = counts.common[rows]
    return float(row_log_loss(logits, truth).mean()), float((logits.argmax(axis=1) == truth).mean())


def _detached(features: Features[Tensor]) -> Features[Tensor]:
    tokens = None if features.tokens is None else features.tokens.detach()
    return Features(features.pooled.detach(), features.present, tokens, features.mask)
