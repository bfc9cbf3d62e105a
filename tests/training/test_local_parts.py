"""Words find regions: what is planted in single positions is found, and the saved form reads whole tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.deployment.heads import export_head
from motet.encoders import ArrayRows, Features, FeatureTable
from motet.errors import UsageError
from motet.evaluation.retrieval import first_right_ranks, reranked_ranks
from motet.fusion import Source
from motet.runtime.head import Head
from motet.runtime.match_parts import PartRows, local_similarity
from motet.tasks.match import Parts, late_interaction
from motet.training.batches import read_rows
from motet.training.local_parts import fit_parts
from motet.training.match_settings import MatchSettings
from motet.training.pairs import PairFeatures

SETTINGS = MatchSettings(
    width=16, pictures=40, sentences=1, epochs=40, least_steps=0, patience=40, inputs=0.0, learning_rate=1e-2
)
TRAIN, HELD, TEST = np.arange(200), np.arange(200, 240), np.arange(240, 300)


class Grid:
    """Tokens [N, T, D] and mask [N, T] as rows of tokens."""

    def __init__(self, values: np.ndarray, mask: np.ndarray) -> None:
        self.values, self.mask, self.width = values.astype(np.float32), mask, values.shape[2]

    def __len__(self) -> int:
        return len(self.values)

    def dense(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.values[rows], self.mask[rows]

    def part(self, rows: np.ndarray) -> Grid:
        return Grid(self.values[rows], self.mask[rows])


def world() -> PairFeatures:
    """A picture shows three of twenty things, each in one of six regions; its sentence names them."""
    random = np.random.default_rng(0)
    shown = np.stack([random.choice(20, 3, replace=False) for _ in range(300)])
    looks, names = random.normal(size=(20, 24)), random.normal(size=(20, 30))
    regions = 0.3 * random.normal(size=(300, 6, 24))
    for picture, things in enumerate(shown):
        regions[picture, random.choice(6, 3, replace=False)] += looks[things]
    words = names[shown] + 0.1 * random.normal(size=(300, 3, 30))
    mask = np.ones((300, 4), bool)
    mask[:, 3] = False
    padded = np.concatenate([words, np.full((300, 1, 30), np.nan)], axis=1)  # padding is never looked at

    def table(tokens: np.ndarray, there: np.ndarray) -> FeatureTable:
        pooled = np.nanmean(tokens, axis=1).astype(np.float32)
        return FeatureTable(ArrayRows(pooled), np.ones(300, bool), tokens=Grid(tokens, there))

    return PairFeatures(
        {"image:a": table(regions, np.ones((300, 6), bool))},
        {"text:a": table(padded, mask)},
        np.arange(300),
        np.arange(300),
    )


def nothing(pictures: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    return np.zeros((len(pictures), len(sentences)), np.float32)


def similarity(made: object, features: PairFeatures) -> torch.Tensor:
    parts = []
    for tower, tables in ((made.image, features.images), (made.text, features.texts)):  # type: ignore[attr-defined]
        read = {s.name: Features(*map(torch.from_numpy, read_rows(s, tables, TEST))) for s in tower.sources}
        parts += [tower(read).detach(), tower.there(read)]
    return late_interaction(*parts)


def test_planted_words_find_their_regions() -> None:
    """Among sixty pictures; by chance 1 of 60. The towers read whole tokens here, and were trained on coordinates."""
    features = world()
    made = fit_parts(features, TRAIN, HELD, SETTINGS, nothing)
    found = similarity(made, features)
    assert (found.argmax(dim=0) == torch.arange(len(TEST))).float().mean() > 0.75
    assert made.weight > 0  # beside cosines that say nothing, parts decide
    assert made.history[-1].train_loss < made.history[0].train_loss


def test_parts_that_say_nothing_count_for_nothing() -> None:
    """Where whole vectors find everything, and regions are noise, the weight is 0."""
    features = world()
    noise = np.random.default_rng(1).normal(size=(300, 6, 24))
    table = replace(features.images["image:a"], tokens=Grid(noise, np.ones((300, 6), bool)))

    def all_right(pictures: np.ndarray, sentences: np.ndarray) -> np.ndarray:
        return (pictures[:, None] == sentences) * np.float32(0.01)

    settings = replace(SETTINGS, epochs=1)
    assert (
        fit_parts(replace(features, images={"image:a": table}), TRAIN, HELD, settings, all_right).weight == 0
    )


def test_without_tokens_it_says_so() -> None:
    features = world()
    bare = {"image:a": replace(features.images["image:a"], tokens=None)}
    with pytest.raises(UsageError, match="no image source here has tokens"):
        fit_parts(replace(features, images=bare), TRAIN, HELD, SETTINGS, nothing)


def test_the_graph_gives_what_torch_does_and_padding_and_absent_rows_change_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    made = Parts([Source("text:a", "text", 5, "tokens"), Source("text:b", "text", 3, "tokens")], 7).eval()
    export_head(made, tmp_path / "parts", output="parts")
    running = Head(tmp_path / "parts.onnx", ("text:a", "text:b"))
    mask = np.array([[True, True, False], [True, False, False]])
    tokens = {name: random.normal(size=(2, 3, width)) for name, width in (("text:a", 5), ("text:b", 3))}
    tables = {
        name: FeatureTable(
            ArrayRows(np.zeros((2, 1), np.float32)), np.ones(2, bool), tokens=Grid(values, mask)
        )
        for name, values in tokens.items()
    }
    found = running.run(tables, np.arange(2), dict.fromkeys(tables, True))
    read = {
        s.name: Features(*map(torch.from_numpy, read_rows(s, tables, np.arange(2)))) for s in made.sources
    }
    there = made.there(read)
    assert there.tolist() == np.concatenate([mask, mask], axis=1).tolist()
    torch.testing.assert_close(
        torch.from_numpy(found)[there], made(read).detach()[there], rtol=1e-4, atol=1e-5
    )
    for name, values in tokens.items():
        values[~mask] = np.nan
        tables[name] = replace(tables[name], tokens=Grid(values, mask))
    again = running.run(tables, np.arange(2), dict.fromkeys(tables, True))
    np.testing.assert_allclose(again[there], found[there], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_running_wing_compares_parts_as_the_loss_does(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    words = data.draw(st.integers(0, 3))
    random = np.random.default_rng(data.draw(st.integers(0, 9)))

    def unit(n: int) -> np.ndarray:
        made = random.normal(size=(n, 5))
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)

    query, pieces = unit(words), unit(sum(counts))
    others = PartRows(pieces.astype(np.float16), np.concatenate([[0], np.cumsum(counts)]))
    rows = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=8))
    regions, shown = torch.zeros(len(counts), 4, 5), torch.zeros(len(counts), 4, dtype=torch.bool)
    for row, count in enumerate(counts):
        regions[row, :count] = torch.from_numpy(others.of(row))
        shown[row, :count] = True
    said = torch.zeros(1, 3, 5)
    said[0, :words] = torch.from_numpy(query)
    slow = late_interaction(regions, shown, said, (torch.arange(3) < words)[None])[:, 0].numpy()
    np.testing.assert_allclose(local_similarity(query, others, rows), slow[rows], atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_reranked_ranks_equal_the_slow_way(data: st.DataObject) -> None:
    """One list for each query: the nearest in the order of the other scores, then the rest by cosine."""
    things, asked = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
    depth = data.draw(st.integers(1, 9))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    gallery, queries = random.normal(size=(things, 3)), random.normal(size=(asked, 3))
    ids = random.integers(0, 3, things)
    wanted = random.integers(0, 3, asked)
    scores = random.integers(0, 3, (asked, things)).astype(np.float32)  # with ties
    found = reranked_ranks(queries, gallery, wanted, ids, lambda query, places: scores[query, places], depth)
    for query in range(asked):
        order = np.argsort(-(gallery @ queries[query]), kind="stable")
        first, rest = order[:depth], order[depth:]
        wrong_first = sorted(first, key=lambda thing: (-scores[query, thing], ids[thing] == wanted[query]))
        listed = [*wrong_first, *rest]
        right = [place for place, thing in enumerate(listed) if ids[thing] == wanted[query]]
        assert found[query] == (right[0] + 1 if right else things + 1)
    whole = reranked_ranks(
        queries, gallery, wanted, ids, lambda query, places: gallery[places] @ queries[query], depth
    )
    assert whole.tolist() == first_right_ranks(queries, gallery, wanted, ids).tolist()
