"""Learned attention over the tokens of one source, in its projection."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from motet.encoders import Features
from motet.fusion import FUSIONS, Projection, Source
from motet.tasks import FusedClassifier

IMAGE = Source("image:a", "image", 5, "attention")
TEXT = Source("text:b", "text", 4)


def given(rows: int = 6, positions: int = 7, *, padding: float = 0.0) -> dict[str, Features[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(rows, positions, generator=generator) < 0.6
    mask[:, 2] = True
    mask[-1] = False  # nothing to look at
    present = torch.arange(rows) != 1
    tokens = torch.randn(rows, positions, 5, generator=generator)
    tokens = torch.where((mask & present[:, None])[..., None], tokens, padding)
    pooled = torch.full((rows, 9), float("nan"))  # of another width, and never looked at
    return {
        IMAGE.name: Features(pooled, present, tokens, mask),
        TEXT.name: Features(torch.randn(rows, 4, generator=generator), torch.arange(rows) != 0),
    }


def test_it_is_a_weighted_mean_of_the_positions_that_are_shown() -> None:
    torch.manual_seed(0)
    projection = Projection(IMAGE, 8, 0.1).eval()
    features = given()[IMAGE.name]
    assert features.tokens is not None and features.mask is not None and projection.score is not None
    got = projection(features)
    for row in range(6):
        if row in (1, 5):  # absent, and without a position to show
            torch.testing.assert_close(got[row], projection.missing)
            continue
        h = projection.norm(projection.linear.read(features.tokens[row], features.mask[row]))
        weight = torch.where(features.mask[row], projection.score(h)[:, 0].exp(), 0.0)
        torch.testing.assert_close(got[row], (weight[:, None] * h).sum(dim=0) / weight.sum())
    values, mask = projection.tokens(features)
    assert mask.shape == (6, 1) and mask.all()
    torch.testing.assert_close(values[:, 0], got)


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
@pytest.mark.parametrize("padding", [3.0, float("nan")])
def test_every_strategy_takes_it_and_hidden_numbers_are_never_looked_at(fusion: str, padding: float) -> None:
    results = []
    for filled in (0.0, padding):
        torch.manual_seed(0)
        head = FusedClassifier(FUSIONS[fusion]((IMAGE, TEXT), width=8), 3).eval()
        logits = head(given(padding=filled))
        logits.square().sum().backward()
        results.append((logits.detach(), {name: p.grad for name, p in head.named_parameters()}))
    torch.testing.assert_close(results[1][0], results[0][0], rtol=0, atol=0)
    for name, gradient in results[1][1].items():
        assert gradient is not None and torch.isfinite(gradient).all(), name
        # what attends over one position alone gets none elsewhere
        assert gradient.any() or not name.startswith("fusion.projections"), name
        torch.testing.assert_close(gradient, results[0][1][name], rtol=0, atol=0, msg=name)
