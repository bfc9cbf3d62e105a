"""Heads of one shape are trained at once: their weights lie in one stack, and each step is one batched product.

Small heads spend most of a step on calling operations, not in them. Six heads stacked take little longer than one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap  # type: ignore[attr-defined]

from motet.encoders import Features
from motet.fusion import SourceBatch, draw_from
from motet.tasks import FusedClassifier

# source -> pooled [..., B, D], present [..., B]; with tokens [..., B, T, D], mask [..., B, T] where they are read
Batch = Mapping[str, tuple[Tensor, ...]]


class StackedHeads:
    """G heads with equal shapes and different weights.

    parameters, buffers : of all heads by name, each [G, ...]; `parameters` are leaves that an optimiser may step.
    seed : of their dropout.
    """

    def __init__(self, heads: Sequence[FusedClassifier], device: torch.device, seed: int) -> None:
        parameters, buffers = stack_module_state(list(heads))
        self.parameters = {name: p.detach().to(device).requires_grad_() for name, p in parameters.items()}
        self.buffers = {name: b.to(device) for name, b in buffers.items()}
        self.heads = list(heads)
        self.device = device
        self.skeleton = copy.deepcopy(heads[0]).to("meta")
        draw_from(self.skeleton, torch.Generator(device).manual_seed(seed))

    def train_logits(self, batch: Batch) -> Tensor:
        """Logits [G, B, C] in training mode, of a batch [G, B, ...]; each head draws its own dropout."""
        self.skeleton.train()
        logits: Tensor = vmap(self._call, randomness="different")(self.parameters, self.buffers, dict(batch))
        return logits

    def logits(self, head: int, features: SourceBatch) -> Tensor:
        """Logits [B, C] of one head in eval mode."""
        self.skeleton.eval()
        parameters = {name: p[head] for name, p in self.parameters.items()}
        buffers = {name: b[head] for name, b in self.buffers.items()}
        arrays = {
            name: tuple(a for a in (one.pooled, one.present, one.tokens, one.mask) if a is not None)
            for name, one in features.items()
        }
        return self._call(parameters, buffers, arrays)

    def clip_gradients(self, largest: float) -> None:
        """Scale the gradients of each head so that their norm is at most `largest`."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norms = torch.stack([g.flatten(1).square().sum(dim=1) for g in gradients]).sum(dim=0).sqrt()  # [G]
        scale = (largest / (norms + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

    def state(self) -> dict[str, Tensor]:
        """A copy of all weights."""
        return {name: p.detach().clone() for name, p in self.parameters.items()}

    def unstack(self, state: Mapping[str, Tensor]) -> list[FusedClassifier]:
        """The heads, each with its weights of `state`, on the processor and in eval mode."""
        for number, head in enumerate(self.heads):
            with torch.no_grad():
                for name, parameter in head.named_parameters():
                    parameter.copy_(state[name][number])
            head.eval()
        return self.heads

    def _call(self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], batch: Batch) -> Tensor:
        features = {name: Features(*arrays) for name, arrays in batch.items()}
        logits: Tensor = functional_call(self.skeleton, (dict(parameters), dict(buffers)), (features,))
        return logits
