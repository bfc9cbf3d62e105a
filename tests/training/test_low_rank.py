"""LoRA against its equation, and merged into one map again."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from motet.errors import UsageError
from motet.training.low_rank import ALPHA, LowRank, add_low_rank, merge_low_rank


def gpt2() -> nn.Module:
    torch.manual_seed(0)
    shape = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16, "vocab_size": 20}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape)).eval()


def test_the_update_is_that_of_the_equation() -> None:
    """h = W x + (alpha / r) B A x; of queries and values alone, where one map makes queries, keys and values."""
    made = LowRank(nn.Linear(6, 9), 2, [(0, 3), (6, 3)])
    x = torch.randn(5, 6)
    torch.testing.assert_close(made(x), made.base(x))  # B is zero at first
    for up in made.up:
        nn.init.normal_(up)
    wanted = made.base(x)
    wanted[:, :3] += ALPHA * (x @ made.down[0].T) @ made.up[0].T
    wanted[:, 6:] += ALPHA * (x @ made.down[1].T) @ made.up[1].T
    torch.testing.assert_close(made(x), wanted)
    torch.testing.assert_close(made.merged()(x), wanted)


def test_nothing_else_is_learned_and_merging_changes_no_answer() -> None:
    model = gpt2()
    ids = torch.arange(12)[None]
    before = model(ids).logits
    add_low_rank(model, 3)
    learned = {name for name, value in model.named_parameters() if value.requires_grad}
    assert learned and all(".down." in name or ".up." in name for name in learned)
    torch.testing.assert_close(model(ids).logits, before)
    for name, value in model.named_parameters():
        if ".up." in name:
            nn.init.normal_(value)
    changed = model(ids).logits
    changed.sum().backward()
    assert all(value.grad is not None for name, value in model.named_parameters() if name in learned)
    assert float((changed - before).detach().abs().max()) > 0.01
    merge_low_rank(model)
    assert not any(isinstance(part, LowRank) for part in model.modules())
    torch.testing.assert_close(model(ids).logits, changed, atol=1e-4, rtol=1e-4)


def test_rank_0_freezes_and_other_attentions_are_told() -> None:
    model = gpt2()
    add_low_rank(model, 0)
    assert not any(value.requires_grad for value in model.parameters())
    with pytest.raises(UsageError, match="--lora: Sequential has no q_proj, v_proj, c_attn"):
        add_low_rank(nn.Sequential(nn.Linear(2, 2)), 4)


def test_a_rank_that_no_map_can_have_is_refused() -> None:
    add_low_rank(gpt2(), 16)
    with pytest.raises(UsageError, match="--lora 17: maps of 16 numbers have no higher rank than 16"):
        add_low_rank(gpt2(), 17)
