"""Heads as the runtime runs them: ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.encoders import FeatureTable

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
HEAD_BATCH = 512
TOKEN_BATCH = 64  # where tokens are read: each row is a hundred vectors


class Head:
    """One ONNX head: features of its sources -> logits [B, C], or unit vectors [B, W] of a space."""

    def __init__(self, path: Path, sources: tuple[str, ...]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.sources = sources
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._outputs = [value.name for value in self._session.get_outputs()]
        self.tokens = {source for source in sources if f"{source}.tokens" in self._inputs}

    def run(self, tables: Mapping[str, FeatureTable], rows: Rows, shown: Mapping[str, bool]) -> Floats:
        """What it gives for the given rows [n, C]; `shown` says for each source whether these rows have it."""
        parts = []
        size = TOKEN_BATCH if self.tokens else HEAD_BATCH
        for begin in range(0, len(rows), size):
            batch = rows[begin : begin + size]
            feed: dict[str, npt.NDArray[Any]] = {}
            for source in self.sources:
                feed[f"{source}.present"] = np.full(len(batch), shown[source])
                tokens = tables[source].tokens
                if source in self.tokens and tokens is not None:
                    feed[f"{source}.tokens"], feed[f"{source}.mask"] = tokens.dense(batch)
                else:
                    feed[f"{source}.pooled"] = tables[source].rows.dense(batch)
            known = {name: value for name, value in feed.items() if name in self._inputs}
            parts.append(self._session.run(self._outputs[:1], known)[0])
        return np.concatenate(parts)

    def run_tokens(self, tokens: Floats, mask: npt.NDArray[np.bool_]) -> list[Floats]:
        """All that a head of one source gives for tokens [B, T, D] and mask [B, T], each of which is present."""
        name = self.sources[0]
        feed = {f"{name}.tokens": tokens, f"{name}.mask": mask, f"{name}.present": np.ones(len(mask), bool)}
        known = {name: value for name, value in feed.items() if name in self._inputs}
        made: list[Floats] = self._session.run(self._outputs, known)
        return made
