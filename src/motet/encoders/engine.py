"""What runs a pretrained network, and how its batches are run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from motet.data.processors import processors
from motet.encoders.side_by_side import side_by_side

Inputs = dict[str, npt.NDArray[Any]]  # of one batch, by name
Item = TypeVar("Item")
Made = TypeVar("Made")


class Engine(Protocol):
    """What runs the network: `name` says engine and precision and is part of the cache's key."""

    name: str

    def __call__(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """Pooled features [B, D] of one batch."""
        ...

    def both(self, inputs: Inputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pooled features [B, D] and tokens [B, T, D] of one batch."""
        ...

    def side_by_side(self) -> contextlib.AbstractContextManager[Engine]:
        """While it is open, an engine that several threads may call at once and that takes one core a batch."""
        ...


class OnnxEngine:
    """onnxruntime in float32 on the processor: the engine of the running wing."""

    name = "onnxruntime-fp32"

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path = path
        self.threads = threads or processors()

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _narrow(self) -> OnnxEngine:
        engine = OnnxEngine(self.path, threads=1)
        engine._inputs  # noqa: B018 - opened here: several threads would open several sessions
        return engine

    @cached_property
    def _inputs(self) -> set[str]:
        return {value.name for value in self._session.get_inputs()}

    @contextlib.contextmanager
    def side_by_side(self) -> Iterator[OnnxEngine]:
        """While it is open, an engine that several threads may call at once and that takes one core a batch."""
        yield self._narrow

    def __call__(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """Pooled features [B, D] of one batch."""
        pooled: npt.NDArray[np.float32] = self._run(["pooled"], inputs)[0]
        return pooled

    def both(self, inputs: Inputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pooled features [B, D] and tokens [B, T, D] of one batch."""
        pooled, tokens = self._run(["pooled", "tokens"], inputs)
        return pooled, tokens

    def _run(self, outputs: list[str], inputs: Inputs) -> list[npt.NDArray[np.float32]]:
        feed = {name: value for name, value in inputs.items() if name in self._inputs}
        made: list[npt.NDArray[np.float32]] = self._session.run(outputs, feed)
        return made


def run_batches(
    engine: Callable[[], Engine], function: Callable[[Engine, Item], Made], batches: Iterator[Item]
) -> Iterator[Made]:
    """Yield `function(engine, batch)` of each batch, in order: side by side, or on all cores where there is but one.

    engine : opens the engine; called only where there is a batch.
    """
    first = list(islice(batches, 2))
    if len(first) < 2:
        yield from (function(engine(), batch) for batch in first)
        return
    with engine().side_by_side() as narrow:
        yield from side_by_side(lambda batch: function(narrow, batch), chain(first, batches), processors())
