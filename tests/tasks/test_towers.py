"""Towers, and the closed form that they are held beside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motet.encoders import Features
from motet.fusion import Source
from motet.tasks.match import Tower, canonical_correlation


def features(**pooled: torch.Tensor) -> dict[str, Features[torch.Tensor]]:
    return {
        name: Features(values, torch.ones(len(values), dtype=torch.bool)) for name, values in pooled.items()
    }


def test_an_aligned_tower_begins_as_its_encoder() -> None:
    tower = Tower([Source("a", "image", 8)], 8, hidden=5, aligned="a").eval()
    x = torch.randn(7, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tower(features(a=x)), torch.nn.functional.normalize(x, dim=-1))
    assert all(parameter.requires_grad for parameter in tower.parameters())


def test_an_aligned_tower_has_the_width_of_its_encoder() -> None:
    with pytest.raises(ValueError, match="8 wide, the space 9"):
        Tower([Source("a", "image", 8)], 9, aligned="a")


def test_a_tower_may_be_any_linear_map() -> None:
    tower = Tower([Source("a", "text", 3), Source("b", "text", 2)], 4, hidden=1).eval()
    random = torch.Generator().manual_seed(0)
    mean, weight = torch.randn(5, generator=random), torch.randn(5, 4, generator=random)
    a, b = torch.randn(6, 3, generator=random), torch.randn(6, 2, generator=random)
    tower.set_linear(mean, weight)
    wanted = torch.nn.functional.normalize((torch.cat([a, b], dim=1) - mean) @ weight, dim=-1)
    torch.testing.assert_close(tower(features(b=b, a=a)), wanted)


def test_canonical_correlations_are_those_of_orthonormal_bases() -> None:
    """Without ridge the correlations are the singular values of Q_x' Q_y (Björck and Golub, 1973)."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(200, 2))
    x = np.concatenate([shared, random.normal(size=(200, 3))], axis=1) @ random.normal(size=(5, 5))
    y = np.concatenate([shared + random.normal(size=(200, 2)), random.normal(size=(200, 2))], axis=1)
    found = canonical_correlation(torch.from_numpy(x), torch.from_numpy(y), 4, ridge=1e-12, power=0)
    bases = [np.linalg.qr(side - side.mean(axis=0))[0] for side in (x, y)]
    wanted = np.linalg.svd(bases[0].T @ bases[1])[1]
    np.testing.assert_allclose(found.correlation.numpy(), wanted, rtol=1e-4)
    projected = [
        (torch.from_numpy(side).float() - mean) @ weight
        for side, mean, weight in (
            (x, found.image_mean, found.image_weight),
            (y, found.text_mean, found.text_weight),
        )
    ]
    for dimension in range(4):
        pair = np.corrcoef(projected[0][:, dimension].numpy(), projected[1][:, dimension].numpy())
        assert pair[0, 1] == pytest.approx(wanted[dimension], rel=1e-3)
