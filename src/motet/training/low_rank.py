"""LoRA: attention of a frozen language model is changed by products of two small matrices.

Source: Hu et al., 2021 (arXiv 2106.09685): W x + (alpha / r) B A x on the queries and values, B zero at first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.errors import UsageError

SEPARATE, TOGETHER = ("q_proj", "v_proj"), "c_attn"
ALPHA = 2.0  # alpha / r of the paper: the update counts twice


class LowRank(nn.Module):
    """A map and its update of rank r, of spans (begin, length) of its outputs.

    base : a Linear, or the Conv1D of transformers, which is one whose weights stand the other way round.
    """

    def __init__(self, base: Any, rank: int, spans: list[tuple[int, int]]) -> None:
        super().__init__()
        self.base = base
        inputs = base.weight.shape[1 if isinstance(base, nn.Linear) else 0]
        self.spans = spans
        self.down = nn.ParameterList(torch.randn(rank, inputs) * inputs**-0.5 for _ in spans)
        self.up = nn.ParameterList(torch.zeros(length, rank) for _, length in spans)

    def change(self) -> Tensor:
        """What is added to the weights [out, in]."""
        weight = self.base.weight if isinstance(self.base, nn.Linear) else self.base.weight.T
        made = torch.zeros_like(weight)
        for (begin, length), down, up in zip(self.spans, self.down, self.up, strict=True):
            made = made.slice_scatter(ALPHA * up @ down, 0, begin, begin + length)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """The map of the changed weights."""
        made: Tensor = self.base(x)
        for (begin, length), down, up in zip(self.spans, self.down, self.up, strict=True):
            beside = (begin, made.shape[-1] - begin - length)
            made = made + functional.pad(ALPHA * (x @ down.T) @ up.T, beside)
        return made

    def merged(self) -> nn.Module:
        """The same as one map again."""
        with torch.no_grad():
            change = self.change()
            self.base.weight += change if isinstance(self.base, nn.Linear) else change.T
        self.base.weight.requires_grad_(True)  # what is not frozen is what is saved
        base: nn.Module = self.base
        return base


def add_low_rank(language: nn.Module, rank: int) -> None:
    """Freeze a language model, and let queries and values of its attention learn an update of this rank, 0 for none.

    Raises UsageError where it has no maps of the names that are known, or a rank that none of them can have.
    """
    from transformers.pytorch_utils import Conv1D

    language.requires_grad_(False)
    if not rank:
        return
    widest = 0  # rank that any of the maps can have; 0: none was found
    for parent in list(language.modules()):
        for name, child in list(parent.named_children()):
            if name in SEPARATE and isinstance(child, nn.Linear):
                spans = [(0, child.out_features)]
            elif name == TOGETHER and isinstance(
                child, Conv1D
            ):  # queries, keys and values of GPT-2 side by side
                width = child.nf // 3
                spans = [(0, width), (2 * width, width)]
            else:
                continue
            changed = LowRank(child, rank, spans)
            setattr(parent, name, changed)
            widest = max(widest, min(changed.down[0].shape[1], spans[0][1]))
    if not widest:
        raise UsageError(
            f"--lora: {type(language).__name__} has no {', '.join((*SEPARATE, TOGETHER))} in its attention: "
            "leave --lora out, so that it stays as it is"
        )
    if rank > widest:
        raise UsageError(f"--lora {rank}: maps of {widest} numbers have no higher rank than {widest}")


def merge_low_rank(language: nn.Module) -> None:
    """Make one map again of each map and its update."""
    for parent in list(language.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LowRank):
                setattr(parent, name, child.merged())
