"""Questions asked of many models: which strategy, on which pattern, at what price."""

from __future__ import annotations

from motet.experiments.compare import compare

__all__ = ["compare"]
