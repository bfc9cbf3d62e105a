"""A trained module becomes what the runtime runs: heads as ONNX, and the whole as a model directory."""

from __future__ import annotations

from motet.deployment.build import build_model
from motet.deployment.heads import export_head
from motet.deployment.options import Options

__all__ = ["Options", "build_model", "export_head"]
