"""CLIPScore and RefCLIPScore by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.evaluation.clip_score import clip_metrics, clip_scores, reference_clip_scores

PICTURES = np.array([[1, 0], [1, 0], [0.6, 0.8]])
CAPTIONS = np.array([[0.6, 0.8], [-1, 0], [0, 1]])
REFERENCES = [
    np.array([[0, 1], [1, 0]]),  # cosines .8 and .6: the nearest counts
    np.array([[-1, 0]]),
    np.array([[0, -1]]),
]


def test_scores_by_hand() -> None:
    """2.5 max(cos, 0): cosines are .6, -1 and .8; RefCLIP-S is 2 a b / (a + b): a = 1.5, b = .8 in the first row."""
    alone = clip_scores(PICTURES, CAPTIONS)
    assert alone == pytest.approx([1.5, 0, 2.0])
    beside = reference_clip_scores(alone, CAPTIONS, REFERENCES)
    assert beside == pytest.approx([2 * 1.5 * 0.8 / 2.3, 0, 0])  # 0 where either is


def test_means_and_their_intervals() -> None:
    alone = clip_scores(PICTURES, CAPTIONS)
    found = clip_metrics(alone, reference_clip_scores(alone, CAPTIONS, REFERENCES))
    assert found["clip_score"]["value"] == pytest.approx(3.5 / 3)
    assert found["ref_clip_score"]["value"] == pytest.approx(2.4 / 2.3 / 3)
    for one in found.values():
        assert 0 <= one["low"] <= one["value"] <= one["high"] <= 2.5


@given(st.integers(0, 10_000))
def test_scores_lie_between_their_ends_and_a_reference_word_by_word_is_best(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(3, 4, 6))
    pictures, captions, others = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    alone = clip_scores(pictures, captions)
    assert ((alone >= 0) & (alone <= 2.5 + 1e-9)).all()
    far = reference_clip_scores(alone, captions, others[:, None])
    near = reference_clip_scores(alone, captions, np.stack([others, captions], axis=1))
    assert (near >= far - 1e-12).all()
    assert near == pytest.approx(2 * alone / (alone + 1))
