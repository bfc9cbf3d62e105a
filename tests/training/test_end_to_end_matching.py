"""A space that is learned together with a `small` encoder: what it finds, and rows read the same way twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from motet.data import ImageCells, Table, TextCells, read_table
from motet.encoders import ArrayRows, FeatureTable
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_small import write_encoder
from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import WordsConfig
from motet.evaluation import both_directions
from motet.training.match_settings import MatchSettings
from motet.training.match_side import LiveSource, MatchSide, embed
from motet.training.matching import fit_match
from motet.training.pairs import PairFeatures
from motet.training.small import SmallSettings, make_small

TINY = SmallSettings(
    vision=VisionConfig(side=16, widths=(4, 8)),
    words=WordsConfig(400, 32, 1, 2, max_position_embeddings=16),
)
SETTINGS = MatchSettings(
    width=16, hidden=32, epochs=30, least_steps=0, pictures=64, patience=30, dropout=0.0, inputs=0.0
)
COLOURS, THINGS = ["red", "green", "blue", "black", "white"], ["dog", "cat", "car", "tree", "house", "boat"]
EVERY = [(colour, thing) for colour in COLOURS for thing in THINGS]
TRAIN, HELD, TEST = np.split(np.random.default_rng(0).permutation(240), [180, 210])


def world(**changed: object) -> tuple[PairFeatures, LiveSource, TextCells]:
    """Pictures are vectors that say their colour and their thing; sentences say so in words."""
    random = np.random.default_rng(0)
    which = np.arange(240) % len(EVERY)
    views = random.normal(size=(len(COLOURS) + len(THINGS), 24))
    seen = [
        views[COLOURS.index(EVERY[n][0])] + views[len(COLOURS) + THINGS.index(EVERY[n][1])] for n in which
    ]
    said = [
        f"a {EVERY[n][0]} {EVERY[n][1]}" if i % 2 else f"{EVERY[n][1]}, {EVERY[n][0]}"
        for i, n in enumerate(which)
    ]
    images = FeatureTable(ArrayRows(np.array(seen, np.float32)), np.ones(240, bool))
    features = PairFeatures({"image:a": images}, {}, np.arange(240), which)
    cells = TextCells(Table(pa.table({"said": said})), ["said"])
    torch.manual_seed(0)
    small = make_small("text", cells, TRAIN, np.concatenate([HELD, TEST]), replace(TINY, **changed), random)  # type: ignore[arg-type]
    return features, LiveSource("text:small", small, np.arange(240)), cells


def test_words_are_learned_with_the_space_and_ship_as_an_encoder(tmp_path: Path) -> None:
    """Thirty things among thirty pictures of the test side: what a sentence means comes first; by chance 1 of 30."""
    features, live, cells = world()
    made = fit_match(features, TRAIN, HELD, SETTINGS, live={"text": live})
    encoder = PretrainedEncoder(write_encoder(live.small.network, live.small.preprocessor, tmp_path))
    texts = {"text:small": encoder.encode(cells, np.arange(240))}
    first = [np.flatnonzero(features.same == kind)[0] for kind in range(len(EVERY))]
    rows = np.array(first)
    found = both_directions(
        embed(made.image, features.images, rows),
        embed(made.text, texts, rows),
        np.arange(len(rows)),
        draws=50,
    )
    assert min(one["metrics"]["recall@1"]["value"] for one in found.values()) > 0.9


def test_a_row_is_changed_the_same_way_when_it_is_read_again() -> None:
    _, live, _ = world(masked_words=0.5)
    side = MatchSide.of("text", {}, TRAIN, live=live)
    one, again, later, plain = (side.read(TRAIN[:40], step) for step in (3, 3, 4, None))
    tokens = [batch.cells.inputs["input_ids"] for batch in (one, again, later, plain)]  # type: ignore[union-attr]
    assert torch.equal(tokens[0], tokens[1])
    assert not torch.equal(tokens[0], tokens[2])
    assert (tokens[3] != 1).all() and (tokens[0] == 1).any()  # 1 hides a piece


def test_a_batch_in_parts_learns_what_the_whole_one_does() -> None:
    """GradCache through a network that reads cells: without dropout, whose draws follow the parts."""
    made = []
    for at_once in (4096, 20):
        features, live, _ = world(masked_words=0.0, words=replace(TINY.words, dropout=0.0))
        settings = replace(SETTINGS, epochs=2, at_once=at_once)
        made.append((fit_match(features, TRAIN, HELD, settings, live={"text": live}), live.small.network))
    for name, value in made[0][1].state_dict().items():
        torch.testing.assert_close(made[1][1].state_dict()[name], value, rtol=1e-3, atol=1e-4)
    losses = [[epoch.train_loss for epoch in one.history] for one, _ in made]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_picture_that_cannot_be_read_is_absent(tmp_path: Path) -> None:
    for number in range(4):
        Image.new("RGB", (20, 20), (60 * number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"nothing")
    table = read_table({"photo": [f"{number}.png" for number in range(4)]}, image_root=tmp_path)
    rows = np.arange(4)
    small = make_small("image", ImageCells(table, ["photo"]), rows, rows[:0], TINY, np.random.default_rng(0))
    side = MatchSide.of("image", {}, rows, live=LiveSource("image:small", small, rows))
    assert small.readable(rows).tolist() == [0, 1, 3]
    network = side.end_to_end(SETTINGS).eval()
    batch = side.read(np.array([3, 2, 0]))
    assert batch.there is not None and batch.there.tolist() == [True, False, True]
    vectors = network(batch).detach()
    alone = torch.cat([network(side.read(np.array([row]))).detach() for row in (3, 0)])
    torch.testing.assert_close(vectors[[0, 2]], alone, rtol=1e-4, atol=1e-5)
