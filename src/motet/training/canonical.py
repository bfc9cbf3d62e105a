"""Canonical correlation over the same features: what every learned space stands beside."""

from __future__ import annotations

import numpy as np

from motet.tasks.match import Tower, canonical_correlation
from motet.training.latent import multiply_out
from motet.training.match_side import MatchSide
from motet.training.matching import Matched
from motet.training.pairs import PairFeatures, Rows

DIMENSIONS = 150
MOST_PAIRS = 50_000


def fit_cca(features: PairFeatures, train: Rows, *, seed: int = 0) -> Matched:
    """The closed form over the same features: what every learned space stands beside.

    Pairs are all sentences of the pictures `train`, at most 50,000 of them; the towers are linear maps.
    """
    sentences = features.sentences_of(train)
    if len(sentences) > MOST_PAIRS:
        sentences = np.sort(np.random.default_rng(seed).choice(sentences, MOST_PAIRS, replace=False))
    sides = (
        MatchSide.of("image", features.images, train, seed=seed),
        MatchSide.of("text", features.texts, sentences, seed=seed),
    )
    x = sides[0].matrix(features.picture[sentences])
    y = sides[1].matrix(sentences)
    found = canonical_correlation(x, y, DIMENSIONS)
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
