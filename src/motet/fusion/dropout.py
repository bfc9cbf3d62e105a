"""Dropout whose random numbers belong to one training, so that several train side by side, repeatably."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zero each value with chance `p` and divide the others by 1 - p, while training.

    PyTorch's own draws from one generator for all threads. Here `generator` is given by `draw_from`; without one,
    PyTorch's serves. Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    2014.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return x, of any shape, some of it zero."""
        if not self.training or self.p == 0:
            return x
        kept = torch.empty_like(x, requires_grad=False).bernoulli_(1 - self.p, generator=self.generator)
        return x * kept.div_(1 - self.p)


def draw_from(module: nn.Module, generator: torch.Generator) -> None:
    """Let every dropout inside a module draw from `generator`."""
    for part in module.modules():
        if isinstance(part, Dropout):
            part.generator = generator


def generators_of(module: nn.Module) -> list[torch.Generator]:
    """The generators that dropouts inside a module draw from, each once, in the order of the modules."""
    drawn_from = [part.generator for part in module.modules() if isinstance(part, Dropout)]
    return list({id(one): one for one in drawn_from if one is not None}.values())
