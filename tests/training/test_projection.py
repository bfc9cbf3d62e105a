"""Features by what words tell, against discriminant analysis written out class by class."""

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
    """With u' w u = 1 the map M is R' diag(sqrt(q + .01)) U', so that M'M = U diag(q + .01) U' whatever R is."""
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
    explained, directions = scipy.linalg.eigh(between, within)
    assert (explained > 0.5).sum() == 2 and (explained < 1e-9).sum() == width - 2
    found = projection(features, words, np.random.default_rng(1))
    assert found is not None and (found.pictures, found.words) == (count, 2)
    wanted = directions @ np.diag(explained + 0.01) @ directions.T
    np.testing.assert_allclose(found.weight.T @ found.weight, wanted, atol=1e-9)
    np.testing.assert_allclose((features @ found.weight.T + found.bias).mean(axis=0), 0, atol=1e-8)
    spread = (features @ found.weight.T + found.bias).std(axis=0)
    assert spread.max() / spread.min() < 20  # turned: as they are, the most and the least differ by 140 times


def test_words_that_tell_nothing_make_no_map() -> None:
    random = np.random.default_rng(0)
    words = (random.random((40, 5)) < 0.3).astype(float)
    assert projection(np.ones((40, 6)), words, random) is None  # features that are all alike
    assert (
        projection(random.standard_normal((40, 6)), np.ones((40, 5)), random) is None
    )  # words that all have


def test_the_pooled_features_are_projected_and_the_tokens_stay() -> None:
    torch.manual_seed(0)
    network = SmallVision(VisionConfig(side=16, widths=(4, 8))).eval()
    features, words = told_apart()
    found = projection(features, words, np.random.default_rng(0))
    assert found is not None
    made = found.of(network)
    pixels = torch.rand(3, 3, 16, 16) * 2 - 1
    with torch.inference_mode():
        (pooled, tokens), (projected, same) = network(pixels), made(pixels)
    torch.testing.assert_close(same, tokens)
    wanted = pooled.double() @ torch.from_numpy(found.weight).T + torch.from_numpy(found.bias)
    torch.testing.assert_close(projected.double(), wanted, atol=1e-4, rtol=1e-4)
