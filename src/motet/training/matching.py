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

from motet.evaluation.retrieval import first_right_ranks
from motet.fusion import draw_from
from motet.tasks.match import MatchBatch, Tower, make_objective
from motet.training.epoch import Epoch
from motet.training.grad_cache import Side, backward_in_parts
from motet.training.latent import multiply_out
from motet.training.match_settings import MatchSettings
from motet.training.match_side import EndToEnd, LiveSource, MatchSide, SideBySide, Towers
from motet.training.optimisers import decay_matrices, without_compiler
from motet.training.pairs import PairFeatures, PairSampler, Rows
from motet.training.schedule import warm_then_cosine

NOTHING: Mapping[str, LiveSource] = MappingProxyType({})


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
    live: Mapping[str, LiveSource] = NOTHING,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Matched:
    """Train two towers on the pictures `train` and their sentences; keep the epoch that finds best among `held`.

    Of each epoch the mean reciprocal rank of both directions over the held pictures decides; without any the last epoch
    is kept. Sparse sources are trained in a latent space and multiplied out. The same seed gives the same weights.

    live : by modality, a `small` encoder that is learned with the towers, in place, and is a source of theirs; then
        there is one member.
    """
    made = [
        _fit_one(features, train, held, replace(settings, seed=settings.seed + number), live, advance)
        for number in range(1 if live else settings.members)
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
    live: Mapping[str, LiveSource],
    advance: Callable[[int], None],
) -> Matched:
    train_sentences = features.sentences_of(train)
    sides = tuple(
        MatchSide.of(modality, tables, rows, seed=settings.seed, live=live.get(modality))
        for modality, tables, rows in (
            ("image", features.images, train),
            ("text", features.texts, train_sentences),
        )
    )
    torch.manual_seed(settings.seed)
    image, text = (side.end_to_end(settings) for side in sides)
    towers = nn.ModuleList([image, text])
    objective = make_objective(settings.objective, settings.width, settings.terms)
    draw_from(towers, torch.Generator().manual_seed(settings.seed))
    order = np.random.default_rng(settings.seed)
    networks = nn.ModuleList(each.network for each in (image, text) if each.network is not None)
    optimiser = without_compiler(torch.optim.AdamW)(
        [
            {
                "params": [*image.tower.parameters(), *text.tower.parameters()],
                "weight_decay": settings.weight_decay,
            },
            {"params": list(objective.parameters()), "weight_decay": 0.0},
            *decay_matrices(networks, settings.weight_decay),
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
    sampler = PairSampler(features, train_sentences, settings.sentences)
    history: list[Epoch] = []
    highest, best_epoch, best = -1.0, 0, _copied(towers)
    kept = (_number(objective.scale), _number(objective.bias))
    step = 0
    for epoch in range(1, epochs + 1):
        towers.train()
        total = 0.0
        shuffled = order.permutation(train)
        for begin in range(0, batches * size, size):
            pictures = np.sort(shuffled[begin : begin + size])
            sentences = sampler.draw(pictures, order)
            positives = torch.from_numpy(sampler.positives(pictures, sentences))
            read = [partial(side.read, step=step) for side in sides]
            optimiser.zero_grad()
            if max(positives.shape) > settings.at_once:
                total += backward_in_parts(
                    Side.of(image, read[0], pictures, settings.at_once),
                    Side.of(text, read[1], sentences, settings.at_once),
                    positives,
                    objective,
                )
            else:
                loss = objective(MatchBatch(image(read[0](pictures)), text(read[1](sentences)), positives))
                loss.backward()
                total += float(loss.detach())
            torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
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
    for trained, side in zip((image, text), sides, strict=True):
        multiply_out(trained.tower, side.bases)
    return Matched(image.tower, text.tower, *kept, history, best_epoch)


def _held_reciprocal_rank(
    towers: tuple[EndToEnd, EndToEnd], sides: Sequence[MatchSide], features: PairFeatures, held: Rows
) -> float | None:
    """Mean reciprocal rank, the mean of both directions, among held pictures; None without any."""
    sentences = features.sentences_of(held)
    if len(held) < 2 or not len(sentences):
        return None
    images = sides[0].embed(towers[0], held)
    texts = sides[1].embed(towers[1], sentences)
    owner = features.picture[sentences]
    there = first_right_ranks(texts, images, owner, held)
    back = first_right_ranks(images, texts, held, owner)
    return float(((1 / there).mean() + (1 / back).mean()) / 2)


def _copied(towers: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in towers.state_dict().items()}


def _number(value: Tensor | float) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
