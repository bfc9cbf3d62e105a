"""Retrieval metrics: by hand with two captions a picture, and against a slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.errors import UsageError
from motet.evaluation import retrieval
from motet.evaluation.retrieval import (
    both_directions,
    first_right_ranks,
    mean_reciprocal_rank,
    retrieval_metrics,
    scored_reciprocal_rank,
)


def test_two_captions_a_picture_by_hand() -> None:
    """Three pictures on the axes; captions a, b belong to picture 0, c, d to 1, e, f to 2.

    Similarities (rows captions, columns pictures):
        a  .9 .1 .0   right picture first:        rank 1
        b  .2 .8 .1   .2 behind .8:               rank 2
        c  .5 .5 .0   a tie with the wrong one:   rank 2
        d  .0 .7 .3   first:                      rank 1
        e  .6 .5 .4   behind both:                rank 3
        f  .0 .0 1.   first:                      rank 1
    text->image: recall@1 3/6, recall@5 1, ranks 1 1 1 2 2 3, median 1.5, MRR (3 + 2/2 + 1/3) / 6 = 13/18.

    Columns, captions in order of similarity: picture 0: a .9 (right), rank 1. Picture 1: b .8 (wrong), then d .7:
    rank 2. Picture 2: f 1.: rank 1. image->text: recall@1 2/3, median 1, MRR (1 + 1/2 + 1) / 3 = 5/6.
    """
    texts = np.array(
        [[0.9, 0.1, 0], [0.2, 0.8, 0.1], [0.5, 0.5, 0], [0, 0.7, 0.3], [0.6, 0.5, 0.4], [0, 0, 1]], np.float32
    )
    found = both_directions(np.eye(3, dtype=np.float32), texts, np.array([0, 0, 1, 1, 2, 2]))
    one, other = found["text->image"], found["image->text"]
    assert (one["n"], one["gallery"], other["n"], other["gallery"]) == (6, 3, 3, 6)
    assert {k: m["value"] for k, m in one["metrics"].items()} == pytest.approx(
        {"recall@1": 0.5, "recall@5": 1, "recall@10": 1, "median_rank": 1.5, "mrr": 13 / 18}
    )
    assert {k: m["value"] for k, m in other["metrics"].items()} == pytest.approx(
        {"recall@1": 2 / 3, "recall@5": 1, "recall@10": 1, "median_rank": 1, "mrr": 5 / 6}
    )
    both = (13 / 18 + 5 / 6) / 2
    named, owner = np.array([7, 8, 9]), np.array([7, 7, 8, 8, 9, 9])
    assert mean_reciprocal_rank(np.eye(3), texts, named, owner) == pytest.approx(both)
    assert scored_reciprocal_rank(texts.T, named, owner) == pytest.approx(both)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_ranks_equal_the_slow_way_in_any_windows(data: st.DataObject) -> None:
    pictures = data.draw(st.integers(1, 6))
    number = st.sampled_from([-1.0, 0.0, 0.5, 1.0])  # few values, so that ties are common
    queries = np.array(data.draw(st.lists(st.lists(number, min_size=2, max_size=2), max_size=8)), np.float32)
    gallery = np.array(
        data.draw(st.lists(st.lists(number, min_size=2, max_size=2), min_size=1, max_size=8)), np.float32
    )
    of = st.integers(0, pictures)
    query_ids = np.array(data.draw(st.lists(of, min_size=len(queries), max_size=len(queries))), np.int64)
    gallery_ids = np.array(data.draw(st.lists(of, min_size=len(gallery), max_size=len(gallery))), np.int64)
    slow = []
    for query, mine in zip(queries.reshape(-1, 2), query_ids, strict=True):
        right = [float(query @ thing) for thing, id in zip(gallery, gallery_ids, strict=True) if id == mine]
        wrong = [float(query @ thing) for thing, id in zip(gallery, gallery_ids, strict=True) if id != mine]
        slow.append(1 + sum(score >= max(right, default=-np.inf) for score in wrong))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "AT_ONCE", data.draw(st.sampled_from([1, 7, 1000])))
        fast = first_right_ranks(queries.reshape(-1, 2), gallery, query_ids, gallery_ids)
    assert fast.tolist() == slow


def test_everything_alike_is_the_worst_and_not_the_best() -> None:
    vectors = np.ones((10, 4), np.float32)
    ids = np.arange(10)
    assert first_right_ranks(vectors, vectors, ids, ids).tolist() == [10] * 10


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_an_error(bad: float) -> None:
    vectors = np.ones((3, 2), np.float32)
    broken = vectors.copy()
    broken[1, 0] = bad
    with pytest.raises(UsageError, match="gallery, row 1"):
        first_right_ranks(vectors, broken, np.arange(3), np.arange(3))


def test_the_interval_is_over_pictures() -> None:
    """Five sentences of a picture that always succeed or fail together are one observation, not five: the deviation of
    recall over P pictures is sqrt(p (1 - p) / P), so a 95 % interval is 3.92 of these wide."""
    random = np.random.default_rng(0)
    right = random.random(400) < 0.5
    ranks = np.where(np.repeat(right, 5), 1, 50)
    found = retrieval_metrics(ranks, np.repeat(np.arange(400), 5), 400)["metrics"]["recall@1"]
    assert found["value"] == pytest.approx(right.mean())
    assert found["high"] - found["low"] == pytest.approx(3.92 * np.sqrt(0.25 / 400), rel=0.1)


def test_weighted_measures_equal_those_of_drawn_rows() -> None:
    """Whole weights mean rows that stand several times."""
    random = np.random.default_rng(1)
    ranks = np.sort(random.integers(1, 30, 25))
    weights = random.integers(0, 4, (6, 25))
    for weighed, found in zip(weights, retrieval._measured(ranks, weights), strict=True):
        rows = np.repeat(ranks, weighed)
        wanted = [*((rows <= k).mean() for k in (1, 5, 10)), np.median(rows), (1 / rows).mean()]
        np.testing.assert_allclose(found, wanted)
