"""GradCache against the plain gradient of the whole batch, with dropout and batch normalisation."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from motet.errors import UsageError
from motet.fusion import Dropout, draw_from
from motet.tasks.match import MatchBatch, make_objective
from motet.training import grad_cache
from motet.training.grad_cache import Side, backward_in_parts


class Network(nn.Module):
    """Draws from PyTorch's own generator and from one of its own, and has running statistics."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(5, 12),
            nn.BatchNorm1d(12),
            nn.GELU(),
            nn.Dropout(0.3),
            Dropout(0.3),
            nn.Linear(12, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.inner(x), dim=-1)


def made(seed: int) -> tuple[nn.ModuleList, Tensor, Tensor]:
    torch.manual_seed(seed)
    networks = nn.ModuleList([Network(8), Network(8)])
    draw_from(networks, torch.Generator().manual_seed(seed))
    return networks, torch.randn(11, 5), torch.randn(14, 5)


def state_of(*modules: nn.Module) -> dict[str, Tensor]:
    """Gradients and buffers."""
    found = {}
    for number, module in enumerate(modules):
        found |= {f"{number} gradient {n}": p.grad for n, p in module.named_parameters()}
        found |= {f"{number} buffer {n}": b for n, b in module.named_buffers()}
    return found


@pytest.mark.parametrize("objective", ["infonce", "sigmoid", "triplet"])
@pytest.mark.parametrize(("pictures", "sentences"), [(4, 5), (11, 14), (9, 3), (3, 14)])
def test_the_gradient_is_that_of_the_whole_batch(
    objective: str, pictures: int, sentences: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of odd sizes; the plain way encodes the same parts with the same numbers drawn, and one graph over all.
    (A part holds at least two rows: batch normalisation refuses one.)"""
    monkeypatch.setattr(grad_cache, "QUERIES_AT_ONCE", 4)
    networks, x, y = made(0)
    marks = torch.arange(11)[:, None] == torch.arange(14) % 11
    plain, cached = (
        (copy.deepcopy(networks), make_objective(objective, 8, {"distance": 0.5})) for _ in range(2)
    )
    draw_from(plain[0], torch.Generator().manual_seed(1))
    draw_from(cached[0], torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    made_plainly = [
        torch.cat([network(part) for part in values.split(at_once)])
        for network, values, at_once in zip(plain[0], (x, y), (pictures, sentences), strict=True)
    ]
    loss = plain[1](MatchBatch(*made_plainly, marks))
    loss.backward()
    next_numbers = torch.rand(3)
    torch.manual_seed(2)
    sides = [
        Side(network, [lambda part=part: part for part in values.split(at_once)])
        for network, values, at_once in zip(cached[0], (x, y), (pictures, sentences), strict=True)
    ]
    assert backward_in_parts(*sides, marks, cached[1]) == pytest.approx(float(loss.detach()), rel=1e-5)
    torch.testing.assert_close(torch.rand(3), next_numbers)  # the generators stand where they would
    wanted, found = state_of(*plain), state_of(*cached)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6, msg=name)
    assert sum(float(v.abs().sum()) for n, v in found.items() if "gradient" in n) > 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from(["infonce", "sigmoid", "triplet"]), st.data())
def test_shares_sum_to_the_loss(pictures: int, sentences: int, name: str, data: st.DataObject) -> None:
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    x, y = (
        nn.functional.normalize(torch.randn(n, 6, generator=random), dim=1) for n in (pictures, sentences)
    )
    marks = torch.rand(pictures, sentences, generator=random) < 0.4
    marks[0, 0] = True
    objective = make_objective(name, 6, {"distance": 0.5, "triplet": 0.1})
    size, total = grad_cache.Size.of(marks), 0.0
    for queries, gallery, right in ((x, y, marks), (y, x, marks.T)):
        cut = data.draw(st.integers(0, len(queries)))
        for here in (slice(0, cut), slice(cut, None)):
            total += float(objective.share(queries[here], gallery, right[here], size).detach())
    assert total == pytest.approx(float(objective(MatchBatch(x, y, marks)).detach()), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("term", ["adversarial", "cycle", "masked"])
def test_what_is_no_sum_of_shares_is_refused(term: str) -> None:
    networks, x, y = made(0)
    sides = [Side(network, [lambda v=v: v]) for network, v in zip(networks, (x, y), strict=True)]
    with pytest.raises(UsageError, match=f"{term} needs the whole batch"):
        backward_in_parts(
            *sides, torch.ones(11, 14, dtype=torch.bool), make_objective("infonce", 8, {term: 1.0})
        )
