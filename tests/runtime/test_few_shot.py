"""Few-shot: the cache by hand and by slow loops; what it gains where sentences mislead."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.errors import UsageError
from motet.runtime.few_shot import ALPHA, SHARPNESS, cache_logits, choose_cache


def unit(random: np.random.Generator, rows: int, width: int = 5) -> np.ndarray:
    made = random.normal(size=(rows, width))
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_by_hand() -> None:
    """x is example 0 itself, of class 1, and at right angles to example 1, of class 0: class 1 gets 2 exp(0), class 0
    gets 2 exp(-3); x.w is .6 and .8, times 10."""
    found = cache_logits(
        np.array([[1.0, 0.0]]), np.array([[0.6, 0.8], [0.8, 0.6]]), np.eye(2), np.array([1, 0]),
        scale=10, alpha=2, sharpness=3,
    )  # fmt: skip
    np.testing.assert_allclose(found, [[6 + 2 * math.exp(-3), 8 + 2]])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9), st.integers(1, 4), st.integers(0, 999))
def test_against_slow_loops(examples: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x, w, f = unit(random, 3), unit(random, classes), unit(random, examples)
    labels = random.integers(0, classes, examples)
    found = cache_logits(x, w, f, labels, scale=20, alpha=0.7, sharpness=4)
    for i in range(3):
        for c in range(classes):
            near = sum(math.exp(-4 * (1 - x[i] @ f[k])) for k in range(examples) if labels[k] == c)
            assert found[i, c] == pytest.approx(20 * x[i] @ w[c] + 0.7 * near, rel=1e-5, abs=1e-5)


def blobs(seed: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two classes around centres, and sentences that name them the wrong way round: [2, W], [n, W], [n]."""
    random = np.random.default_rng(seed)
    centres = np.eye(5)[:2]
    labels = np.repeat([0, 1], each)
    x = centres[labels] + 0.2 * random.normal(size=(2 * each, 5))
    return centres[::-1] * 0.5 + 0.5, x / np.linalg.norm(x, axis=1, keepdims=True), labels


def test_examples_are_believed_where_sentences_mislead() -> None:
    sentences, x, labels = blobs(0, 8)
    alpha, sharpness = choose_cache(sentences, x, labels, scale=4)
    _, asked, truth = blobs(1, 50)
    zero = cache_logits(asked, sentences, x, labels, scale=4, alpha=0)
    found = cache_logits(asked, sentences, x, labels, scale=4, alpha=alpha, sharpness=sharpness)
    assert (zero.argmax(axis=1) == truth).mean() < 0.1
    assert alpha > 0 and (found.argmax(axis=1) == truth).mean() > 0.95


def test_examples_that_say_nothing_are_not_believed() -> None:
    """Sentences are right and examples are labelled by chance: asked without themselves they are no help."""
    random = np.random.default_rng(0)
    w, x = np.eye(5)[:2], unit(random, 64)
    truth = (x[:, 1] > x[:, 0]).astype(np.int64)
    alpha, _ = choose_cache(w, unit(random, 64), truth, scale=1)
    assert choose_cache(w, x, truth, scale=20)[0] <= alpha


def test_with_one_example_of_a_class_nothing_is_chosen() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0, 0, 1])
    assert choose_cache(unit(random, 2), unit(random, 3), labels, scale=20) == (ALPHA, SHARPNESS)
    assert choose_cache(unit(random, 2), unit(random, 0), labels[:0], scale=20) == (ALPHA, SHARPNESS)


@pytest.mark.parametrize(
    ("labels", "said"), [([0, 2, 1], "label 2 is none of 2"), ([0], "3 examples have 1")]
)
def test_labels_that_fit_nothing_are_told(labels: list[int], said: str) -> None:
    random = np.random.default_rng(0)
    with pytest.raises(UsageError, match=said):
        cache_logits(unit(random, 1), unit(random, 2), unit(random, 3), np.array(labels), scale=1)
