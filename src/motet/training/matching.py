"""How a space for pictures and words is learned: one loop over cached features, or end to end from small encoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from motet.evaluation.retrieval import mean_reciprocal_rank
from motet.fusion import draw_from
from motet.tasks.match import MatchBatch, Tower, make_objective
from motet.training.checkpoint import Checkpoint, Checkpoints
from motet.training.distributed import loss_of_process
from motet.training.epoch import Epoch
from motet.training.grad_cache import Side, backward_in_parts
from motet.training.local_parts import MatchedParts
from motet.training.match_settings import MatchSettings
from motet.training.match_side import EndToEnd, LiveSource, MatchSide, SideBySide, Towers
from motet.training.optimisers import decay_matrices
from motet.training.pair_loop import PairBatch, learn_pairs
from motet.training.pairs import PairFeatures, Rows
from motet.training.processes import average, mine, several

NOTHING: Mapping[str, LiveSource] = MappingProxyType({})


@dataclass(frozen=True)
class Matched:
    """Two towers into one space, how a cosine becomes a logit, how the training went; and parts, where learned."""

    image: Towers
    text: Towers
    scale: float
    bias: float
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    parts: MatchedParts | None = None


def fit_match(
    features: PairFeatures,
    train: Rows,
    held: Rows,
    settings: MatchSettings,
    *,
    live: Mapping[str, LiveSource] = NOTHING,
    checkpoints: Checkpoints | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Matched:
    """Train two towers on the pictures `train` and their sentences; keep the epoch that finds best among `held`.

    Of each epoch the mean reciprocal rank of both directions over the held pictures decides; without any the last epoch
    is kept. Sparse sources are read in a latent space, which all members share. The same seed gives the same weights.

    live : by modality, a `small` encoder that is learned with the towers, in place, and is a source of theirs; then
        there is one member. checkpoints : where the state of each member is kept (see `learn_epochs`).

    In several processes (`process_group`) each encodes its part of every batch, and all end with the same weights. Of
    a picture network that is learned, batch normalisation sees each process's part by itself.
    """
    sides = [
        MatchSide.of(modality, tables, rows, seed=settings.seed, live=live.get(modality))
        for modality, tables, rows in (
            ("image", features.images, train),
            ("text", features.texts, features.sentences_of(train)),
        )
    ]
    made = [
        _fit_one(
            features,
            sides,
            train,
            held,
            replace(settings, seed=settings.seed + number),
            None if checkpoints is None else checkpoints.of(f"member-{number}"),
            advance,
        )
        for number in range(1 if live else settings.members)
    ]
    image, text = sides
    return replace(
        made[0],
        image=SideBySide([cast(Tower, one.image) for one in made], image.bases),
        text=SideBySide([cast(Tower, one.text) for one in made], text.bases),
        scale=float(np.mean([one.scale for one in made])),
        bias=float(np.mean([one.bias for one in made])),
    )


@torch.random.fork_rng()
def _fit_one(
    features: PairFeatures,
    sides: Sequence[MatchSide],
    train: Rows,
    held: Rows,
    settings: MatchSettings,
    checkpoint: Checkpoint | None,
    advance: Callable[[int], None],
) -> Matched:
    torch.manual_seed(settings.seed)
    image, text = (side.end_to_end(settings) for side in sides)
    objective = make_objective(settings.objective, settings.width, settings.terms)
    draw_from(nn.ModuleList([image, text]), torch.Generator().manual_seed(settings.seed))
    learned = nn.ModuleList([image, text, objective])
    networks = nn.ModuleList(each.network for each in (image, text) if each.network is not None)
    groups = [
        {
            "params": [*image.tower.parameters(), *text.tower.parameters()],
            "weight_decay": settings.weight_decay,
        },
        {"params": list(objective.parameters()), "weight_decay": 0.0},
        *decay_matrices(networks, settings.weight_decay),
    ]

    def backward(batch: PairBatch) -> float:
        read = [partial(side.read, step=batch.step) for side in sides]
        if several():
            pictures, sentences = mine(batch.pictures), mine(batch.sentences)
            vectors = image(read[0](pictures)), text(read[1](sentences))
            share = loss_of_process(objective, *vectors, pictures, sentences, batch.belong)
            share.backward()  # type: ignore[no-untyped-call]
            return average(share.detach(), learned)
        if max(batch.positives.shape) > settings.at_once:
            return backward_in_parts(
                Side.of(image, read[0], batch.pictures, settings.at_once),
                Side.of(text, read[1], batch.sentences, settings.at_once),
                batch.positives,
                objective,
            )
        vectors = image(read[0](batch.pictures)), text(read[1](batch.sentences))
        loss = objective(MatchBatch(*vectors, batch.positives))
        loss.backward()
        return float(loss.detach())

    def found() -> float | None:
        return held_reciprocal_rank((image, text), sides, features, held)

    history, best_epoch = learn_pairs(
        features, train, settings, learned, groups, backward, found, advance, checkpoint
    )
    return Matched(
        image.tower, text.tower, _number(objective.scale), _number(objective.bias), history, best_epoch
    )


def held_reciprocal_rank(
    towers: tuple[EndToEnd, EndToEnd], sides: Sequence[MatchSide], features: PairFeatures, held: Rows
) -> float | None:
    """Mean reciprocal rank, the mean of both directions, among held pictures; None without any."""
    sentences = features.sentences_of(held)
    if len(held) < 2 or not len(sentences):
        return None
    images = sides[0].embed(towers[0], held)
    texts = sides[1].embed(towers[1], sentences)
    return mean_reciprocal_rank(images, texts, held, features.picture[sentences])


def _number(value: Tensor | float) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
