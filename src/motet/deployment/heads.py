"""A trained head becomes what the runtime runs: an ONNX graph, checked against PyTorch, beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from motet.encoders import Features
from motet.encoders.torch_export import export_onnx


class HeadGraph(nn.Module):
    """A head with flat inputs, in order: for each source pooled [B, D] and present [B] -> logits [B, C]."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits [B, C]."""
        features = {
            source.name: Features(inputs[2 * i], inputs[2 * i + 1])
            for i, source in enumerate(self.head.sources)
        }
        logits: Tensor = self.head(features)
        return logits


def export_head(head: Any, path: Path) -> None:
    """Write `path`.onnx (inputs `<source>.pooled`, `<source>.present`, output `logits`) and `path`.safetensors.

    The graph is checked against PyTorch at another batch size, with absent rows among them.
    """
    graph = HeadGraph(head)
    random = torch.Generator().manual_seed(0)

    def inputs(rows: int) -> dict[str, Tensor]:
        made: dict[str, Tensor] = {}
        for i, source in enumerate(head.sources):
            made[f"{source.name}.pooled"] = torch.rand(rows, source.width, generator=random)
            made[f"{source.name}.present"] = (torch.arange(rows) + i) % 3 > 0
        return made

    example = inputs(2)
    axes = {name: {0: "batch"} for name in [*example, "logits"]}
    export_onnx(
        graph, example, inputs(5), path.with_name(f"{path.name}.onnx"), outputs=("logits",), dynamic=axes
    )
    tensors = {name: tensor.contiguous() for name, tensor in head.state_dict().items()}
    save_file(tensors, path.with_name(f"{path.name}.safetensors"))
