"""How encoders are pretrained: one loop over pairs and what stands alone; held pairs decide the epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motet.evaluation.retrieval import mean_reciprocal_rank
from motet.preprocessing import WordPreprocessor
from motet.tasks.pretrain import Encoded, Pretrainer, Shape, make_pretrainer
from motet.training.checkpoint import Checkpoint
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.learning import Learning
from motet.training.optimisers import decay_matrices, without_compiler
from motet.training.pairs import Rows
from motet.training.pretrain_rows import Drawn, PretrainRows, batches_of
from motet.training.pretrain_settings import PretrainSettings
from motet.training.scratch_rows import MASKED, WordReader

NONE: Rows = np.zeros(0, np.int64)


@dataclass(frozen=True)
class PretrainEpoch:
    """What one epoch gave: mean loss of each term in training and on held pairs, and how well those find each other.

    found : mean reciprocal rank of both directions among the held pairs; None without two that have different words, or
    without the contrastive term.
    """

    epoch: int
    train: dict[str, float]
    held: dict[str, float]
    found: float | None

    def to_json(self) -> dict[str, Any]:
        """As it stands in `history.json`."""
        return {
            "epoch": self.epoch,
            "train": self.train,
            "validation": self.held,
            "reciprocal_rank": self.found,
        }


@dataclass(frozen=True)
class Pretrained:
    """How a pretraining went, and the epoch whose weights the networks were left with."""

    history: list[PretrainEpoch]
    best_epoch: int


def fit_pretraining(
    rows: PretrainRows,
    train: Rows,
    held: Rows,
    settings: PretrainSettings,
    *,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Pretrained:
    """Pretrain the networks of `rows` in place on the pictures `train`, their texts, and all that stands alone.

    Kept is the epoch whose held pairs find each other best where the contrastive term is learned and two of them have
    different words, else the one with the lowest weighted loss on them; without held pairs the last. The same seed
    gives the same weights on one machine.
    checkpoint : see `learn_epochs`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = make_pretrainer(*rows.networks, shape_of(rows, train, settings), settings.terms)
        return _learn(model, rows, train, held, settings, checkpoint, advance)


def shape_of(rows: PretrainRows, train: Rows, settings: PretrainSettings) -> Shape:
    """The sizes that terms are built for, with the tokens of the texts of the pictures `train` counted."""
    (image, text), words = rows.networks, rows.text.preprocessor
    assert isinstance(words, WordPreprocessor) and isinstance(rows.text.reader, WordReader)
    texts = rows.texts_of(train)
    cells = image.config.side
    for _ in image.config.widths:
        cells = -(-cells // 2)
    return Shape(
        pictures=image.width,
        words=text.width,
        grid=(cells, cells),
        vocabulary=text.config.vocab_size,
        masked=int(words.tokenizer.token_to_id(MASKED) or 0),
        longest=words.max_length,
        texts=len(texts),
        texts_with=rows.text.reader.texts_with(texts, text.config.vocab_size),
        width=settings.width,
        layers=settings.layers,
        dropout=settings.dropout,
    )


def _learn(
    model: Pretrainer,
    rows: PretrainRows,
    train: Rows,
    held: Rows,
    settings: PretrainSettings,
    checkpoint: Checkpoint | None,
    advance: Callable[[int], None],
) -> Pretrained:
    random = np.random.default_rng(settings.seed)
    optimiser = without_compiler(torch.optim.AdamW)(_groups(model, settings), fused=True)
    sampler = rows.sampler(train)
    epochs = settings.epochs_for(len(train) + len(rows.lone_pictures))
    size = settings.pictures_a_batch(max(map(len, (train, rows.lone_pictures, rows.lone_texts))))
    steps = epochs * rows.batches(len(train), size)
    learning = Learning.of(model, optimiser, random, steps=steps, warmup=settings.warmup)
    means = _Means()

    def epoch() -> float:
        means.clear()
        for asked in rows.parts(train, sampler, size, random):
            batch = rows.read(asked, sampler, random)
            losses = model(batch) if batch is not None else {}
            total = model.total(losses)
            if batch is None or total is None:
                continue
            learning.step(total.backward)
            means.add(losses, len(batch.pixels) + len(batch.ids))
        return _weighted(means.all(), settings)

    def measured() -> Held:
        held_means, found = _measure(model, rows, held, settings, size)
        learning.told.append(asdict(PretrainEpoch(len(learning.told) + 1, means.all(), held_means, found)))
        if found is not None:
            return 1 - found, None
        return (_weighted(held_means, settings) if held_means else None), None

    _, best_epoch = learn_epochs(
        learning, epochs, settings.patience, epoch, measured, checkpoint=checkpoint, advance=advance
    )
    return Pretrained([PretrainEpoch(**one) for one in learning.told], best_epoch)


def _groups(model: Pretrainer, settings: PretrainSettings) -> list[dict[str, Any]]:
    """Parameters as AdamW takes them: the picture network, and terms of it alone, learn at a rate of their own."""
    pictures, others = (
        nn.ModuleList([model.shared.image]),
        nn.ModuleList([model.shared.text, model.shared.joint]),
    )
    others.extend([model.shared.picture_space, model.shared.text_space])
    for term in model.terms.values():
        (pictures if term.of_pictures else others).append(term)
    made: list[dict[str, Any]] = []
    for part, rate in ((pictures, settings.image_rate), (others, settings.text_rate)):
        made += [group | {"lr": rate} for group in decay_matrices(part, settings.weight_decay)]
    return made


def _weighted(means: dict[str, float], settings: PretrainSettings) -> float:
    return sum(settings.terms[name] * value for name, value in means.items())


def _measure(
    model: Pretrainer, rows: PretrainRows, held: Rows, settings: PretrainSettings, size: int
) -> tuple[dict[str, float], float | None]:
    """Mean loss of each term on the held pairs, in batches of `size`, and their mean reciprocal rank.

    The same is hidden each time. Pairs with the same words are right for each other. The rank is None with fewer than
    two of different words, and without the contrastive term: nothing then draws the two spaces together, and it would
    be that of chance.
    """
    if not len(held):
        return {}, None
    random, sampler = np.random.default_rng(settings.seed), rows.sampler(held)
    means, pictures, texts = _Means(), [], []
    said: dict[tuple[int, ...], int] = {}  # different words, numbered
    numbers: list[int] = []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(settings.seed)
        for part in np.array_split(held, batches_of(len(held), size)):
            batch = rows.read(Drawn(part, sampler.draw(part, random), NONE, NONE), sampler)
            if batch is None:
                continue
            means.add(model(batch), batch.pairs)
            if "contrastive" not in settings.terms:
                continue
            encoded = Encoded(model.shared, batch)
            pictures.append(encoded.pictures.numpy())
            texts.append(encoded.texts.numpy())
            for ids, mask in zip(batch.ids.tolist(), batch.mask.sum(dim=1).tolist(), strict=True):
                numbers.append(said.setdefault(tuple(ids[:mask]), len(said)))
    if len(said) < 2:
        return means.all(), None
    images, words, same = np.concatenate(pictures), np.concatenate(texts), np.array(numbers)
    return means.all(), mean_reciprocal_rank(images, words, same, same)


class _Means:
    """Mean losses over batches, each weighted by what it held."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, float] = defaultdict(float)

    def clear(self) -> None:
        self.sums.clear()
        self.counts.clear()

    def add(self, losses: dict[str, Tensor], count: int) -> None:
        for name, loss in losses.items():
            self.sums[name] += float(loss.detach()) * count
            self.counts[name] += count

    def all(self) -> dict[str, float]:
        return {name: self.sums[name] / self.counts[name] for name in self.sums}
