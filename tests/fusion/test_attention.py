"""Attention over sources: its two scores against their equations, and its hard choice."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from motet.encoders import Features
from motet.fusion import Source
from motet.fusion.attention import SourceAttention

SOURCES = (Source("image:a", "image", 3), Source("text:b", "text", 4), Source("text:c", "text", 5))
Score = Literal["additive", "dot"]


def fusion_of(**options: object) -> SourceAttention:
    torch.manual_seed(0)
    return SourceAttention(SOURCES, width=8, dropout=0.0, **options)  # type: ignore[arg-type]


def batch(rows: int = 6) -> dict[str, Features[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return {
        source.name: Features(
            torch.randn(rows, source.width, generator=generator), torch.rand(rows, generator=generator) < 0.7
        )
        for source in SOURCES
    }


@pytest.mark.parametrize("score", ["additive", "dot"])
def test_weights_and_state_are_those_of_the_equations(score: Score) -> None:
    """Row by row, source by source."""
    fusion, rows = fusion_of(score=score), batch()
    state = fusion(rows)
    assert state.weights is not None
    projected = fusion.project(rows)
    for row in range(6):
        h = [one[row] for one in projected]
        asked = fusion.query.weight @ (sum(h) / 3) + fusion.query.bias
        keys = [fusion.key.weight @ one for one in h]
        if fusion.score is None:
            scores = [key @ asked / 8**0.5 for key in keys]
        else:
            scores = [fusion.score.weight[0] @ torch.tanh(key + asked) for key in keys]
        weights = torch.stack(scores).softmax(dim=0)
        torch.testing.assert_close(state.weights[row], weights)
        mixed = fusion.mix(sum(w * one for w, one in zip(weights, h, strict=True)))
        torch.testing.assert_close(state.pooled[row], torch.nn.functional.gelu(mixed))


@pytest.mark.parametrize("score", ["additive", "dot"])
def test_hard_attention_takes_the_source_with_the_largest_weight(score: Score) -> None:
    soft, hard, rows = fusion_of(score=score), fusion_of(score=score, hard=True), batch()
    hard.load_state_dict(soft.state_dict())
    with torch.no_grad():
        largest, state = soft(rows).weights.argmax(dim=1), hard(rows)
        torch.testing.assert_close(state.weights, torch.nn.functional.one_hot(largest, 3).float())
        chosen = torch.stack(hard.project(rows), dim=1)[torch.arange(6), largest]
        torch.testing.assert_close(state.pooled, torch.nn.functional.gelu(hard.mix(chosen)))


def test_hard_attention_learns_with_the_gradient_of_the_soft_weights() -> None:
    """For a loss that is linear in the weights both gradients are equal."""
    pull = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    gradients = []
    for hard in (False, True):
        fusion = fusion_of(hard=hard)
        (fusion(batch()).weights * pull).sum().backward()
        gradients.append({key: p.grad for key, p in fusion.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() >= {"score.weight", "query.weight", "key.weight"}
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][key], gradient)
        assert gradient.abs().max() > 0
