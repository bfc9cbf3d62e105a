"""The directions in which words tell pictures apart, against discriminant analysis written out class by class."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.training import projection as projecting
from motet.training.projection import projection


def told_apart(rows: int = 600, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that differ along two directions of unequal noise; one word for two of the classes."""
    random = np.random.default_rng(0)
    classes = random.integers(3, size=rows)
    centres = np.zeros((3, width))
    centres[1, 0], centres[2, 1] = 6.0, 9.0
    noise = random.standard_normal((rows, width)) * np.linspace(1, 4, width)
    return centres[classes] + noise + 5, np.stack([classes == 1, classes == 2], axis=1).astype(float)


def test_it_is_discriminant_analysis_where_words_are_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projecting, "RIDGE", 0.0)
    features, words = told_apart()
    classes = words @ [1, 2]
    count, width = features.shape
    within, between = np.zeros((width, width)), np.zeros((width, width))
    for one in range(3):
        mine = features[classes == one]
        for row in mine:
            within += np.outer(row - mine.mean(axis=0), row - mine.mean(axis=0)) / count
        gap = mine.mean(axis=0) - features.mean(axis=0)
        between += np.outer(gap, gap) * len(mine) / count
    share = width / (width + count)
    within = (1 - share) * within + share * np.trace(within) / width * np.eye(width)
    ratios, directions = scipy.linalg.eigh(between, within)
    kept = ratios >= 0.5
    assert kept.sum() == 2
    found = projection(features, words, np.random.default_rng(1))
    assert found is not None and (found.pictures, found.words) == (count, 2)
    np.testing.assert_allclose(found.weight @ within @ found.weight.T, np.eye(2), atol=1e-8)
    np.testing.assert_allclose(np.linalg.eigvalsh(found.weight @ between @ found.weight.T), ratios[kept])
    np.testing.assert_allclose(found.weight.T @ found.weight, directions[:, kept] @ directions[:, kept].T)
    np.testing.assert_allclose((features @ found.weight.T + found.bias).mean(axis=0), 0, atol=1e-8)


def test_words_that_tell_nothing_keep_nothing() -> None:
    random = np.random.default_rng(0)
    words = (random.random((400, 5)) < 0.3).astype(float)
    assert projection(random.standard_normal((400, 6)), words, random) is None
    assert projection(np.ones((400, 6)), words, random) is None  # features that are all alike


def test_the_pooled_features_are_projected_and_the_tokens_stay() -> None:
    torch.manual_seed(0)
    network = SmallVision(VisionConfig(side=16, widths=(4, 8))).eval()
    features, words = told_apart()
    found = projection(features, words, np.random.default_rng(0))
    assert found is not None
    made = found.of(network)
    assert (made.width, made.token_width) == (2, 8)
    pixels = torch.rand(3, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        (pooled, tokens), (projected, same) = network(pixels), made(pixels)
    torch.testing.assert_close(same, tokens)
    wanted = pooled.double() @ torch.from_numpy(found.weight).T + torch.from_numpy(found.bias)
    torch.testing.assert_close(projected.double(), wanted, atol=1e-4, rtol=1e-4)
