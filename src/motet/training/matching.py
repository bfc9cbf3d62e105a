"""How a space for pictures and words is learned: one loop over cached features, early stopping on retrieval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import Features, FeatureTable
from motet.evaluation.retrieval import first_right_ranks
from motet.fusion import Source, SourceBatch, draw_from
from motet.tasks.match import MatchBatch, Tower, canonical_correlation, make_objective
from motet.training.batches import read_rows
from motet.training.designs import standardisation
from motet.training.epoch import Epoch
from motet.training.grad_cache import Side, backward_in_parts
from motet.training.latent import Bases, multiply_out, to_latent
from motet.training.optimisers import without_compiler
from motet.training.schedule import warm_then_cosine

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Tables = Mapping[str, FeatureTable]
ENCODED_AT_ONCE = 4096
# Of sparse words: sentences are short and many, and their rare words say which picture is meant.
LATENT_DIMENSIONS, LATENT_ROWS = 512, 30_000
CCA_DIMENSIONS = 150
CCA_ROWS = 50_000


@dataclass(frozen=True)
class PairFeatures:
    """Features of P pictures and S sentences, by source.

    picture [S] : which picture each sentence belongs to. same [S] : equal where two sentences say the same.
    """

    images: Tables
    texts: Tables
    picture: Rows
    same: Rows

    def sentences_of(self, pictures: Rows) -> Rows:
        """The sentences of the given pictures, in their order in the table."""
        mine = np.zeros(len(next(iter(self.images.values()))), bool)
        mine[pictures] = True
        return np.flatnonzero(mine[self.picture])


@dataclass(frozen=True)
class MatchSettings:
    """How a space is learned.

    objective, terms : of `tasks.match`, terms with their weights.
    width, hidden : of the space, and of a tower's hidden layer. dropout, inputs : see `Tower`.
    pictures, sentences : in a batch, and at most of each picture in it.
    at_once : rows that are encoded at a time; of a larger batch the gradient is still that of the whole (GradCache).
    members : towers with different first weights, whose vectors stand side by side: the cosine is their mean.
    """

    objective: str = "infonce"
    terms: Mapping[str, float] = field(default_factory=dict)
    width: int = 512
    hidden: int = 1024
    dropout: float = 0.3
    inputs: float = 0.2
    epochs: int = 20
    least_steps: int = 200
    pictures: int = 512
    sentences: int = 5
    at_once: int = 4096
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.1
    patience: int = 10
    members: int = 2
    aligned: bool = False
    seed: int = 0


class SideBySide(nn.Module):
    """Several towers as one: vectors [B, M W] whose cosine is the mean of the towers' cosines."""

    def __init__(self, towers: Sequence[Tower]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.sources = towers[0].sources
        self.width = sum(tower.width for tower in towers)

    def forward(self, features: SourceBatch) -> Tensor:
        """Return unit vectors."""
        made = torch.cat([tower(features) for tower in self.towers], dim=-1)
        return made / math.sqrt(len(self.towers))


Towers = Tower | SideBySide


@dataclass(frozen=True)
class Matched:
    """Two towers into one space, how a cosine becomes a logit, and how the training went."""

    image: Towers
    text: Towers
    scale: float
    bias: float
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0


def fit_match(
    features: PairFeatures,
    train: Rows,
    held: Rows,
    settings: MatchSettings,
    *,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Matched:
    """Train two towers on the pictures `train` and their sentences; keep the epoch that finds best among `held`.

    Of each epoch the mean reciprocal rank of both directions over the held pictures decides; without any the last epoch
    is kept. Sparse sources are trained in a latent space and multiplied out. The same seed gives the same weights.
    """
    made = [
        _fit_one(features, train, held, replace(settings, seed=settings.seed + number), advance)
        for number in range(settings.members)
    ]
    if len(made) == 1:
        return made[0]
    return replace(
        made[0],
        image=SideBySide([cast(Tower, one.image) for one in made]),
        text=SideBySide([cast(Tower, one.text) for one in made]),
        scale=float(np.mean([one.scale for one in made])),
        bias=float(np.mean([one.bias for one in made])),
    )


def _fit_one(
    features: PairFeatures,
    train: Rows,
    held: Rows,
    settings: MatchSettings,
    advance: Callable[[int], None],
) -> Matched:
    train_sentences = features.sentences_of(train)
    sides = (
        _Side.of("image", features.images, train, settings),
        _Side.of("text", features.texts, train_sentences, settings),
    )
    torch.manual_seed(settings.seed)
    image, text = (side.tower(settings) for side in sides)
    towers = nn.ModuleList([image, text])
    objective = make_objective(settings.objective, settings.width, settings.terms)
    draw_from(towers, torch.Generator().manual_seed(settings.seed))
    order = np.random.default_rng(settings.seed)
    optimiser = without_compiler(torch.optim.AdamW)(
        [
            {"params": list(towers.parameters()), "weight_decay": settings.weight_decay},
            {"params": list(objective.parameters()), "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        fused=True,
    )
    size = max(1, min(settings.pictures, len(train)))
    batches = max(1, len(train) // size)  # what is left over comes in another epoch's order
    epochs = max(settings.epochs, -(-settings.least_steps // batches))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_then_cosine(step, epochs * batches, settings.warmup)
    )
    sampler = _Sampler(features, train_sentences, settings.sentences)
    history: list[Epoch] = []
    highest, best_epoch, best = -1.0, 0, _copied(towers)
    kept = (_number(objective.scale), _number(objective.bias))
    for epoch in range(1, epochs + 1):
        towers.train()
        total = 0.0
        shuffled = order.permutation(train)
        for begin in range(0, batches * size, size):
            pictures = np.sort(shuffled[begin : begin + size])
            sentences = sampler.draw(pictures, order)
            positives = torch.from_numpy(sampler.positives(pictures, sentences))
            optimiser.zero_grad()
            if max(positives.shape) > settings.at_once:
                total += backward_in_parts(
                    Side.of(image, sides[0].read, pictures, settings.at_once),
                    Side.of(text, sides[1].read, sentences, settings.at_once),
                    positives,
                    objective,
                )
            else:
                loss = objective(
                    MatchBatch(image(sides[0].read(pictures)), text(sides[1].read(sentences)), positives)
                )
                loss.backward()
                total += float(loss.detach())
            torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        found = _held_reciprocal_rank((image, text), sides, features, held)
        history.append(Epoch(epoch, total / batches, None if found is None else 1 - found, None))
        advance(1)
        if found is None or found > highest:
            highest, best_epoch, best = (-1.0 if found is None else found), epoch, _copied(towers)
            kept = (_number(objective.scale), _number(objective.bias))
        if epoch - best_epoch >= settings.patience:
            break
    towers.load_state_dict(best)
    towers.eval()
    for tower, side in zip((image, text), sides, strict=True):
        multiply_out(tower, side.bases)
    return Matched(image, text, *kept, history, best_epoch)


def fit_cca(features: PairFeatures, train: Rows, *, seed: int = 0) -> Matched:
    """The closed form over the same features: what every learned space stands beside.

    Pairs are all sentences of the pictures `train`, at most 50,000 of them; the towers are linear maps.
    """
    sentences = features.sentences_of(train)
    if len(sentences) > CCA_ROWS:
        sentences = np.sort(np.random.default_rng(seed).choice(sentences, CCA_ROWS, replace=False))
    settings = MatchSettings(width=1, hidden=1)
    sides = (
        _Side.of("image", features.images, train, settings),
        _Side.of("text", features.texts, sentences, settings),
    )
    x = sides[0].matrix(features.picture[sentences])
    y = sides[1].matrix(sentences)
    found = canonical_correlation(x, y, CCA_DIMENSIONS)
    made = []
    for side, mean, weight in (
        (sides[0], found.image_mean, found.image_weight),
        (sides[1], found.text_mean, found.text_weight),
    ):
        tower = Tower(side.sources, weight.shape[1], hidden=1)
        side.standardise(tower)
        tower.set_linear(mean, weight)
        tower.eval()
        multiply_out(tower, side.bases)
        made.append(tower)
    return Matched(made[0], made[1], 20.0, 0.0)


def embed(tower: Towers, tables: Tables, rows: Rows) -> Floats:
    """Unit vectors [n, W] of the given rows, in eval mode."""
    tower.eval()
    made = np.zeros((len(rows), tower.width), np.float32)
    with torch.inference_mode():
        for i in range(0, len(rows), ENCODED_AT_ONCE):
            some = rows[i : i + ENCODED_AT_ONCE]
            made[i : i + len(some)] = tower(_features(tower.sources, tables, some)).numpy()
    return made


@dataclass(frozen=True)
class _Side:
    """The sources of one side as they are trained on: dense, and standardised by the training rows."""

    sources: tuple[Source, ...]
    tables: Tables
    bases: Bases
    moments: Mapping[str, tuple[Floats, Floats]]
    settings: MatchSettings

    @classmethod
    def of(cls, modality: str, given: Tables, rows: Rows, settings: MatchSettings) -> _Side:
        latent = to_latent(
            given, rows, seed=settings.seed, dimensions=LATENT_DIMENSIONS, most_rows=LATENT_ROWS
        )
        sources = tuple(Source(name, modality, table.width) for name, table in latent.tables.items())
        moments = {name: standardisation(table, rows) for name, table in latent.tables.items()}
        return cls(sources, latent.tables, latent.bases, moments, settings)

    def tower(self, settings: MatchSettings) -> Tower:
        made = Tower(
            self.sources,
            settings.width,
            hidden=settings.hidden,
            dropout=settings.dropout,
            inputs=settings.inputs,
            aligned=settings.aligned,
        )
        if not settings.aligned:  # an aligned encoder's vectors are compared as they are
            self.standardise(made)
        return made

    def standardise(self, tower: Tower) -> None:
        for source, linear in zip(self.sources, tower.linears, strict=True):
            mean, scale = self.moments[source.name]
            linear.standardise(torch.from_numpy(mean), torch.from_numpy(scale))

    def read(self, rows: Rows) -> dict[str, Features[Tensor]]:
        return _features(self.sources, self.tables, rows)

    def matrix(self, rows: Rows) -> Tensor:
        """All sources of the given rows, standardised, side by side: [n, sum of D]."""
        parts = []
        for source in self.sources:
            mean, scale = self.moments[source.name]
            pooled, _ = read_rows(source, self.tables, rows)
            parts.append(torch.from_numpy((pooled - mean) * scale))
        return torch.cat(parts, dim=1)


class _Sampler:
    """Draws sentences for pictures, and says which pairs of a batch belong together."""

    def __init__(self, features: PairFeatures, sentences: Rows, most: int) -> None:
        self.most = most
        self.picture, self.same = features.picture, features.same
        order = np.argsort(features.picture[sentences], kind="stable")
        self.sentences = sentences[order]
        owners = features.picture[self.sentences]
        pictures = len(next(iter(features.images.values())))
        self.start = np.searchsorted(owners, np.arange(pictures + 1))
        # pictures that some sentence's words are said of, by number of the words
        pairs = np.unique(np.stack([features.same[sentences], features.picture[sentences]]), axis=1)
        self.said, self.said_of = pairs
        self._place = np.full(pictures, -1, np.int64)

    def draw(self, pictures: Rows, random: np.random.Generator) -> Rows:
        """At most `most` sentences of each picture, without repetition."""
        chosen = []
        for picture in pictures.tolist():
            mine = self.sentences[self.start[picture] : self.start[picture + 1]]
            chosen.append(random.permutation(mine)[: self.most] if len(mine) > self.most else mine)
        return np.concatenate(chosen)

    def positives(self, pictures: Rows, sentences: Rows) -> npt.NDArray[np.bool_]:
        """[N, M]: the sentence, or one with the same words, belongs to the picture."""
        self._place[pictures] = np.arange(len(pictures))
        low = np.searchsorted(self.said, self.same[sentences], "left")
        high = np.searchsorted(self.said, self.same[sentences], "right")
        counts = high - low
        column = np.repeat(np.arange(len(sentences)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        row = self._place[self.said_of[np.repeat(low, counts) + within]]
        found = np.zeros((len(pictures), len(sentences)), bool)
        found[row[row >= 0], column[row >= 0]] = True
        self._place[pictures] = -1
        return found


def _features(sources: Sequence[Source], tables: Tables, rows: Rows) -> dict[str, Features[Tensor]]:
    read = {source.name: read_rows(source, tables, rows) for source in sources}
    return {name: Features(*map(torch.from_numpy, arrays)) for name, arrays in read.items()}


def _held_reciprocal_rank(
    towers: tuple[Tower, Tower], sides: tuple[_Side, _Side], features: PairFeatures, held: Rows
) -> float | None:
    """Mean reciprocal rank, the mean of both directions, among held pictures; None without any."""
    sentences = features.sentences_of(held)
    if len(held) < 2 or not len(sentences):
        return None
    images = embed(towers[0], sides[0].tables, held)
    texts = embed(towers[1], sides[1].tables, sentences)
    owner = features.picture[sentences]
    there = first_right_ranks(texts, images, owner, held)
    back = first_right_ranks(images, texts, held, owner)
    return float(((1 / there).mean() + (1 / back).mean()) / 2)


def _copied(towers: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in towers.state_dict().items()}


def _number(value: Tensor | float) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
