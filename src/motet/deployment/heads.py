"""A trained head becomes what the runtime runs: an ONNX graph, checked against PyTorch, beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from motet.encoders import Features
from motet.encoders.torch_export import export_onnx
from motet.fusion import Source


class HeadGraph(nn.Module):
    """A head with flat inputs, in the order of `inputs_of` its sources -> logits [B, C], or vectors [B, W]."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits [B, C]."""
        given = iter(inputs)
        features = {}
        for source in self.head.sources:
            first, *mask, present = (next(given) for _ in inputs_of(source))
            # What is read as tokens is not read pooled: any vector of theirs stands there.
            tokens = (first, *mask) if mask else ()
            features[source.name] = Features(first[:, 0] if mask else first, present, *tokens)
        logits: Tensor = self.head(features)
        return logits


def inputs_of(source: Source) -> tuple[str, ...]:
    """A source's inputs of a head's graph: pooled [B, D], or tokens [B, T, D] and mask [B, T]; present [B]."""
    read = ("pooled",) if source.read == "pooled" else ("tokens", "mask")
    return tuple(f"{source.name}.{each}" for each in (*read, "present"))


def export_head(head: Any, path: Path, *, output: str = "logits") -> None:
    """Write `path`.onnx (inputs as `inputs_of` each source, one output) and `path`.safetensors.

    The graph is checked against PyTorch at another batch size and other numbers of positions, with absent rows and
    rows of hidden positions among them.
    """
    graph = HeadGraph(head)
    random = torch.Generator().manual_seed(0)
    axes = {output: {0: "batch"}}

    def inputs(rows: int) -> dict[str, Tensor]:
        made: dict[str, Tensor] = {}
        for i, source in enumerate(head.sources):
            *read, present = inputs_of(source)
            length = rows + 1 + i
            shape = (rows, source.width) if source.read == "pooled" else (rows, length, source.width)
            made[read[0]] = torch.rand(*shape, generator=random)
            axes[present] = axes[read[0]] = {0: "batch"}
            if source.read != "pooled":
                made[read[1]] = torch.rand(rows, length, generator=random) > 0.4
                axes[read[0]] = axes[read[1]] = {0: "batch", 1: f"positions{i}"}
            made[present] = (torch.arange(rows) + i) % 3 > 0
        return made

    example, check = inputs(2), inputs(5)
    onnx = path.with_name(f"{path.name}.onnx")
    export_onnx(graph, example, check, onnx, outputs=(output,), dynamic=axes, folding=False)
    tensors = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
    save_file(tensors, path.with_name(f"{path.name}.safetensors"))
