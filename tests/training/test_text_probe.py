"""The probe that begins as sentences: at the optimum of its equation, between zero-shot and logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from motet.runtime.combination import log_softmax
from motet.training.text_probe import DEVIATIONS, FOLDS, choose_deviation, fit_text_probe

CLASSES, WIDTH = 5, 16


def drawn(each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sentences near the centres of classes, and examples around them; all unit vectors."""
    random = np.random.default_rng(seed)
    centres = np.eye(WIDTH)[:CLASSES]
    labels = np.repeat(np.arange(CLASSES), each)
    made = [
        around + noise * random.normal(size=around.shape)
        for around, noise in ((centres, 0.2), (centres[labels], 0.4))
    ]
    sentences, x = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in made)
    return sentences, x, labels


@pytest.mark.parametrize("deviation", [0.1, 1.0, 3.0])
def test_the_gradient_is_zero_where_it_ends(deviation: float) -> None:
    """d/dV = sum_k (softmax(x_k V') - y_k)' x_k + W / (deviation s)^2 (V - s w)."""
    sentences, x, labels = drawn(4)
    v = fit_text_probe(sentences, x, labels, scale=10, deviation=deviation)
    p = np.exp(x @ v.T)
    p /= p.sum(axis=1, keepdims=True)
    gradient = (p - np.eye(CLASSES)[labels]).T @ x + WIDTH / (deviation * 10) ** 2 * (v - 10 * sentences)
    assert np.abs(gradient).max() < 1e-4


def test_from_nothing_it_is_logistic_regression() -> None:
    _, x, labels = drawn(16)
    v = fit_text_probe(np.zeros((CLASSES, WIDTH)), x, labels, scale=10, deviation=1.0)
    reference = LogisticRegression(C=100 / WIDTH, fit_intercept=False, tol=1e-8, max_iter=1000).fit(x, labels)
    np.testing.assert_allclose(v, reference.coef_, atol=1e-3)


def test_without_an_example_it_is_zero_shot() -> None:
    sentences, x, labels = drawn(1)
    np.testing.assert_allclose(
        fit_text_probe(sentences, x[:0], labels[:0], scale=10), 10 * sentences, rtol=1e-6
    )
    held = fit_text_probe(sentences, x, labels, scale=10, deviation=1e-4)
    np.testing.assert_allclose(held, 10 * sentences, atol=1e-4)


@pytest.mark.parametrize("each", [2, 4])
def test_sentences_and_examples_are_better_than_either(each: int) -> None:
    """The mean of six draws; an example alone lies twice as far from its class as its sentences do."""
    right = np.zeros((6, 3))
    for seed in range(6):
        sentences, x, labels = drawn(each, seed)
        _, asked, truth = drawn(100, seed + 99)
        probe = fit_text_probe(sentences, x, labels, scale=20)
        examples = fit_text_probe(np.zeros_like(sentences), x, labels, scale=20)
        for place, weights in enumerate((sentences, examples, probe)):
            right[seed, place] = ((asked @ weights.T).argmax(axis=1) == truth).mean()
    zero_shot, alone, both = right.mean(axis=0)
    assert both > zero_shot + 0.01 and both > alone + 0.01


def test_examples_move_it_far_where_sentences_mislead() -> None:
    """Sentences that name the classes in turn: near them hardly a row is right, and the examples say so."""
    sentences, x, labels = drawn(16)
    _, asked, truth = drawn(50, seed=1)
    wrong = np.roll(sentences, 1, axis=0)

    def right(deviation: float | None) -> float:
        weights = fit_text_probe(wrong, x, labels, scale=20, deviation=deviation)
        return float(((asked @ weights.T).argmax(axis=1) == truth).mean())

    assert choose_deviation(wrong, x, labels, scale=20) >= 2
    assert right(1e-4) < 0.1 and right(None) > right(DEVIATIONS[0]) + 0.05


def test_where_the_sentences_are_right_it_stays_with_them() -> None:
    """Labels drawn from the probabilities that the sentences give: no other weights are better."""
    random = np.random.default_rng(0)
    sentences, x, _ = drawn(40)
    p = np.exp(log_softmax(10 * x @ sentences.T))
    labels = (random.random((len(x), 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, CLASSES - 1)
    assert choose_deviation(sentences, x, labels, scale=10) == DEVIATIONS[0]


@pytest.mark.parametrize("each", [1, 3, 7])
def test_the_choice_against_folds_by_hand(each: int) -> None:
    """The n-th example of each class is in fold n modulo the folds; single ones are left out one by one."""
    sentences, x, labels = drawn(each)
    order = np.random.default_rng(2).permutation(len(labels))
    x, labels = x[order], labels[order]
    seen: dict[int, int] = {}
    fold = []
    for label in labels.tolist():
        seen[label] = seen.get(label, -1) + 1
        fold.append(seen[label] % FOLDS)
    folds = np.array(fold) if each > 1 else np.arange(len(labels))
    losses = []
    for deviation in DEVIATIONS:
        answers = np.empty((len(labels), CLASSES))
        for number in set(folds.tolist()):
            kept = folds != number
            v = fit_text_probe(sentences, x[kept], labels[kept], scale=10, deviation=deviation)
            answers[~kept] = log_softmax(x[~kept] @ v.T)
        losses.append(-answers[np.arange(len(labels)), labels].mean())
    assert choose_deviation(sentences, x, labels, scale=10) == DEVIATIONS[int(np.argmin(losses))]


def test_with_one_example_there_is_nothing_to_choose_by() -> None:
    sentences, x, labels = drawn(1)
    for few in (0, 1):
        assert choose_deviation(sentences, x[:few], labels[:few], scale=10) == DEVIATIONS[0]
