"""The loop that learns a space: planted pairs are found, seeds repeat, positives are what they should be."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders import ArrayRows, FeatureTable
from motet.errors import TrainingError
from motet.evaluation import both_directions
from motet.tasks.match import MatchBatch
from motet.tasks.match.registry import WeightedObjective
from motet.training.canonical import fit_cca
from motet.training.match_settings import MatchSettings
from motet.training.match_side import embed
from motet.training.matching import fit_match
from motet.training.pairs import PairFeatures, PairSampler

PICTURES, SENTENCES = 240, 2
SMALL = MatchSettings(width=16, hidden=32, epochs=12, least_steps=0, pictures=64, members=1, patience=12)


def table(values: np.ndarray) -> FeatureTable:
    return FeatureTable(ArrayRows(values.astype(np.float32)), np.ones(len(values), bool))


def planted(seed: int = 0) -> PairFeatures:
    """Pictures and sentences are two linear views of one hidden vector, with a little noise."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(PICTURES, 8))
    picture = np.repeat(np.arange(PICTURES), SENTENCES)
    images = hidden @ random.normal(size=(8, 20)) + 0.1 * random.normal(size=(PICTURES, 20))
    texts = hidden[picture] @ random.normal(size=(8, 30)) + 0.1 * random.normal(size=(len(picture), 30))
    return PairFeatures(
        {"image:a": table(images)},
        {"text:a": table(texts[:, :12]), "text:b": table(texts[:, 12:])},
        picture,
        np.arange(len(picture)),
    )


TRAIN, HELD, TEST = np.arange(150), np.arange(150, 190), np.arange(190, 240)


def found(features: PairFeatures, made: object) -> float:
    sentences = features.sentences_of(TEST)
    images = embed(made.image, features.images, TEST)  # type: ignore[attr-defined]
    texts = embed(made.text, features.texts, sentences)  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=1e-5)
    directions = both_directions(images, texts, features.picture[sentences] - TEST[0], draws=100)
    return min(one["metrics"]["recall@1"]["value"] for one in directions.values())


@pytest.mark.parametrize("objective", ["infonce", "sigmoid", "triplet"])
def test_planted_pairs_are_found(objective: str) -> None:
    """By chance one of fifty comes first: .02."""
    features = planted()
    settings = replace(SMALL, objective=objective, epochs=40, patience=40)
    made = fit_match(features, TRAIN, HELD, settings)
    assert found(features, made) > 0.8


@pytest.mark.parametrize("term", ["distance", "adversarial", "cycle", "masked", "triplet"])
def test_each_term_may_stand_beside(term: str) -> None:
    features = planted()
    plain = fit_match(features, TRAIN, HELD, SMALL)
    made = fit_match(features, TRAIN, HELD, replace(SMALL, terms={term: 0.1}))
    sentences = features.sentences_of(TEST)
    assert not np.allclose(
        embed(plain.text, features.texts, sentences), embed(made.text, features.texts, sentences)
    )
    assert found(features, made) > 0.3  # by chance .02


def test_canonical_correlation_finds_linear_pairs() -> None:
    features = planted()
    assert found(features, fit_cca(features, TRAIN)) > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    features = planted()
    one, two = (fit_match(features, TRAIN, HELD, SMALL) for _ in range(2))
    other = fit_match(features, TRAIN, HELD, replace(SMALL, seed=1))
    for name, value in one.text.state_dict().items():
        torch.testing.assert_close(value, two.text.state_dict()[name], rtol=0, atol=0)
    assert any(not torch.equal(v, other.text.state_dict()[n]) for n, v in one.text.state_dict().items())


def test_members_stand_side_by_side_and_their_cosine_is_the_mean() -> None:
    features = planted()
    both = fit_match(features, TRAIN, HELD, replace(SMALL, members=2))
    alone = [fit_match(features, TRAIN, HELD, replace(SMALL, seed=seed)) for seed in (0, 1)]

    def cosines(made: object) -> np.ndarray:
        return embed(made.image, features.images, TEST) @ embed(made.text, features.texts, TEST).T  # type: ignore[attr-defined]

    np.testing.assert_allclose(cosines(both), (cosines(alone[0]) + cosines(alone[1])) / 2, atol=1e-5)


def test_a_batch_in_parts_learns_what_the_whole_one_does() -> None:
    """Without dropout, of which another number of rows at once draws other numbers."""
    features = planted()
    plain = replace(SMALL, dropout=0.0, inputs=0.0, epochs=2)
    one, parts = (fit_match(features, TRAIN, HELD, replace(plain, at_once=n)) for n in (4096, 30))
    for name, value in one.text.state_dict().items():
        torch.testing.assert_close(parts.text.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert [e.train_loss for e in parts.history] == pytest.approx(
        [e.train_loss for e in one.history], rel=1e-4
    )


def test_without_held_pictures_it_runs_to_its_end() -> None:
    made = fit_match(planted(), TRAIN, TRAIN[:0], SMALL)
    assert made.best_epoch == SMALL.epochs == len(made.history)
    assert all(epoch.validation_loss is None for epoch in made.history)


def test_no_training_at_all_leaves_an_aligned_pair_as_it_is() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(20, 6))
    features = PairFeatures(
        {"image:c": table(values)}, {"text:c": table(values * 3)}, np.arange(20), np.arange(20)
    )
    settings = MatchSettings(
        width=6, hidden=4, epochs=0, least_steps=0, members=1, aligned=("image:c", "text:c")
    )
    made = fit_match(features, np.arange(10), np.arange(10, 20), settings)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    for side, tables in ((made.image, features.images), (made.text, features.texts)):
        np.testing.assert_allclose(embed(side, tables, np.arange(20)), unit, atol=1e-5)


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_pair_or_two(pictures: int) -> None:
    made = fit_match(planted(), np.arange(pictures), np.arange(0), SMALL)
    assert all(np.isfinite(epoch.train_loss) for epoch in made.history)
    fit_cca(planted(), np.arange(pictures))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_positives_equal_the_slow_way(data: st.DataObject) -> None:
    """A sentence belongs to its own picture, and to each that has a training sentence of the same words."""
    pictures = data.draw(st.integers(1, 6))
    number = data.draw(st.integers(1, 12))
    picture = np.sort(data.draw(st.lists(st.integers(0, pictures - 1), min_size=number, max_size=number)))
    same = np.array(data.draw(st.lists(st.integers(0, 4), min_size=number, max_size=number)))
    features = PairFeatures(
        {"i": table(np.zeros((pictures, 1)))}, {"t": table(np.zeros((number, 1)))}, picture, same
    )
    train = np.unique(picture)
    sampler = PairSampler(features, features.sentences_of(train), most=2)
    chosen = np.sort(data.draw(st.lists(st.sampled_from(train.tolist()), min_size=1, unique=True)))
    drawn = sampler.draw(chosen, np.random.default_rng(data.draw(st.integers(0, 5))))
    assert len(set(drawn.tolist())) == len(drawn)
    assert all((picture[drawn] == one).sum() == min(2, (picture == one).sum()) for one in chosen)
    slow = [
        [any(picture[k] == one and same[k] == same[m] for k in range(number)) for m in drawn]
        for one in chosen
    ]
    assert sampler.positives(chosen, drawn).tolist() == slow


def test_the_callers_generator_is_left_as_it_was() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(2)
    torch.manual_seed(5)
    fit_match(planted(), TRAIN, HELD, replace(SMALL, epochs=1))
    assert torch.equal(torch.rand(2), wanted)


def test_what_diverges_is_said_and_the_best_epoch_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Vectors that are no numbers cannot be compared, so the loss of training must be looked at first."""
    plain, steps = WeightedObjective.forward, itertools.count(1)

    def once_wrong(self: WeightedObjective, batch: MatchBatch) -> torch.Tensor:
        return plain(self, batch) * (math.nan if next(steps) == 9 else 1)

    monkeypatch.setattr(WeightedObjective, "forward", once_wrong)
    made = fit_match(planted(), TRAIN, HELD, replace(SMALL, epochs=12))
    assert "diverged in epoch" in caplog.text and len(made.history) < 12
    assert found(planted(), made) > 0
    with pytest.raises(TrainingError, match="epoch 1"):
        fit_match(planted(), TRAIN, HELD, replace(SMALL, learning_rate=1e30, dropout=0.0))
