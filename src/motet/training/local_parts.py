"""How parts are learned: words find regions, over tokens of frozen encoders, beside the space of whole vectors.

Whole vectors are found with an index; parts then put the first answers in a better order: the similarity is
`cosine + weight * late interaction`, its weight chosen among held pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.errors import UsageError
from motet.evaluation.retrieval import scored_reciprocal_rank
from motet.fusion import Source, draw_from
from motet.tasks.match import Local, Parts, late_interaction
from motet.training.batches import read_rows
from motet.training.checkpoint import Checkpoint
from motet.training.epoch import Epoch
from motet.training.latent import Latent, multiply_out, to_latent
from motet.training.match_settings import MatchSettings
from motet.training.pair_loop import PairBatch, learn_pairs
from motet.training.pairs import PairFeatures, Rows, Tables

Floats = npt.NDArray[np.float32]
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
MOST_HELD = (
    500  # pictures that choose the epoch and the weight: all against all of their sentences, part by part
)
PICTURES_AT_ONCE, SENTENCES_AT_ONCE = 32, 128


@dataclass(frozen=True)
class MatchedParts:
    """Parts of both sides, how much their similarity adds to the cosine, and how the training went."""

    image: Parts
    text: Parts
    weight: float
    history: list[Epoch]
    best_epoch: int


@torch.random.fork_rng()
def fit_parts(
    features: PairFeatures,
    train: Rows,
    held: Rows,
    settings: MatchSettings,
    cosines: Callable[[Rows, Rows], Floats],
    *,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> MatchedParts:
    """Learn parts on the pictures `train` and their sentences, of the sources that have tokens.

    settings : `width` is that of parts. cosines : of numbers of pictures [n] and of sentences [m] the cosines [n, m] of
    their whole vectors, to choose the weight with; without held pictures it is 1. checkpoint : see `learn_epochs`.

    Raises UsageError where a side has no source with tokens.
    """
    held = held[:: max(1, -(-len(held) // MOST_HELD))]
    sentences = {"train": features.sentences_of(train), "held": features.sentences_of(held)}
    sides = (
        _TokenSide.of("image", features.images, train, settings.seed),
        _TokenSide.of("text", features.texts, sentences["train"], settings.seed),
    )
    torch.manual_seed(settings.seed)
    image, text = (Parts(side.sources, settings.width, inputs=settings.inputs) for side in sides)
    objective = Local()
    learned = nn.ModuleList([image, text, objective])
    draw_from(learned, torch.Generator().manual_seed(settings.seed))
    groups: list[dict[str, Any]] = [
        {"params": [*image.parameters(), *text.parameters()], "weight_decay": settings.weight_decay},
        {"params": list(objective.parameters()), "weight_decay": 0.0},
    ]

    def similarity(pictures: Rows, said: Rows) -> Tensor:
        read = sides[0].read(pictures), sides[1].read(said)
        return late_interaction(image(read[0]), image.there(read[0]), text(read[1]), text.there(read[1]))

    def backward(batch: PairBatch) -> float:
        loss = objective(similarity(batch.pictures, batch.sentences), batch.positives)
        loss.backward()
        return float(loss.detach())

    def of_held() -> Floats:
        found = np.zeros((len(held), len(sentences["held"])), np.float32)
        with torch.inference_mode():
            for i in range(0, len(held), PICTURES_AT_ONCE):
                for j in range(0, found.shape[1], SENTENCES_AT_ONCE):
                    here = slice(i, i + PICTURES_AT_ONCE), slice(j, j + SENTENCES_AT_ONCE)
                    found[here] = similarity(held[here[0]], sentences["held"][here[1]]).numpy()
        return found

    owner = features.picture[sentences["held"]]

    def rank(scores: Floats) -> float:
        return scored_reciprocal_rank(scores, held, owner)

    def found() -> float | None:
        return rank(of_held()) if len(held) > 1 else None

    history, best_epoch = learn_pairs(
        features, train, settings, learned, groups, backward, found, advance, checkpoint
    )
    weight = 1.0
    if len(held) > 1:
        whole, local = cosines(held, sentences["held"]), of_held()
        weight = max(WEIGHTS, key=lambda share: rank(whole + share * local))
    for made, side in zip((image, text), sides, strict=True):
        multiply_out(made, side.latent.bases)
    return MatchedParts(image, text, weight, history, best_epoch)


@dataclass(frozen=True)
class _TokenSide:
    """The sources of one side that have tokens, in few dimensions, which have a scale of their own."""

    sources: tuple[Source, ...]
    latent: Latent

    @classmethod
    def of(cls, modality: str, given: Tables, rows: Rows, seed: int) -> _TokenSide:
        latent = to_latent(with_tokens(modality, given), rows, seed=seed)
        sources = []
        for name, table in latent.tables.items():
            assert table.tokens is not None
            sources.append(Source(name, modality, table.tokens.width, read="tokens"))
        return cls(tuple(sources), latent)

    def read(self, rows: Rows) -> dict[str, Features[Tensor]]:
        read = {source.name: read_rows(source, self.latent.tables, rows) for source in self.sources}
        return {name: Features(*map(torch.from_numpy, arrays)) for name, arrays in read.items()}


def with_tokens(modality: str, given: Tables) -> Tables:
    """The sources of a side that have tokens; UsageError where none has."""
    found = {name: table for name, table in given.items() if table.tokens is not None}
    if not found:
        raise UsageError(
            f"local compares regions with words, and no {modality} source here has tokens: "
            f"name a pretrained {modality} encoder"
        )
    return found
