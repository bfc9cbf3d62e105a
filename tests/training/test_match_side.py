"""Towers side by side behind the bases of sparse sources, against the same towers multiplied out."""

from __future__ import annotations

import copy

import numpy as np
import torch

from motet.encoders import Features
from motet.fusion import Source
from motet.tasks.match import Tower
from motet.training.latent import multiply_out
from motet.training.match_side import SideBySide

DENSE, SPARSE = "text:a", "text:lexical"
WHOLE, LATENT, B = 40, 6, 9


def towers() -> list[Tower]:
    torch.manual_seed(0)
    sources = [Source(DENSE, "text", 5), Source(SPARSE, "text", LATENT)]
    return [Tower(sources, 4, hidden=7).eval() for _ in range(3)]


def test_a_shared_basis_gives_what_towers_multiplied_out_give_and_their_cosine_is_the_mean() -> None:
    random = np.random.default_rng(0)
    basis = random.normal(size=(WHOLE, LATENT)).astype(np.float16).astype(np.float32)  # kept without loss
    alone = towers()
    made = SideBySide(copy.deepcopy(alone), {SPARSE: basis}).eval()
    for tower in alone:
        multiply_out(tower, {SPARSE: basis})
    present = torch.arange(B) % 3 > 0
    words = torch.rand(B, WHOLE)
    words[~present] = torch.nan  # what is absent is never looked at
    features = {
        DENSE: Features(torch.rand(B, 5), torch.ones(B, dtype=torch.bool)),
        SPARSE: Features(words, present),
    }
    with torch.no_grad():
        vectors = made(features)
        each = [tower(features) for tower in alone]
    assert [source.width for source in made.sources] == [5, WHOLE]
    torch.testing.assert_close(vectors @ vectors.T, sum(z @ z.T for z in each) / 3, atol=1e-5, rtol=1e-4)
    assert len(made.state_dict()["basis1"]) == WHOLE  # saved with the towers
