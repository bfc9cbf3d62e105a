"""PyTorch's optimisers without PyTorch's compiler."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import torch

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
