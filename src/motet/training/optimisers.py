"""PyTorch's optimisers without PyTorch's compiler, and which parameters they draw towards zero."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import torch
from torch import nn

T = TypeVar("T", bound=torch.optim.Optimizer)


def without_compiler(kind: type[T]) -> type[T]:
    """The same optimiser, whose methods do not load PyTorch's compiler only to be hidden from it.

    Loading it takes one to two seconds, as long as fitting the heads of a small table. Where methods are no longer
    wrapped so, they are left as they are.
    """
    wrapped = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in wrapped}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


def decay_matrices(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay matrices and kernels only: a scale, a bias or an `nn.Embedding` has no reason to be near zero.

    Vectors that are learned as one parameter, such as those of places and of modalities, are decayed as a matrix is.
    """
    embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    learned = [p for p in module.parameters() if p.requires_grad]
    decayed = [p for p in learned if p.dim() > 1 and id(p) not in embeddings]
    others = [p for p in learned if p.dim() <= 1 or id(p) in embeddings]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
