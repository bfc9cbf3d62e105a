"""Which engine runs an encoder: measured once on this machine, remembered, and part of the cache's key.

The candidates are onnxruntime in float32 (what a saved model always runs on) and PyTorch under bfloat16 autocast. The
second is taken only where it is faster and its features agree with float32: cosine at least AGREEMENT on every row.
Where the processor has no instructions for bfloat16 it cannot be faster, and is not even loaded.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from motet.data.processors import processors
from motet.encoders import torch_loading
from motet.encoders.cache import cache_directory
from motet.encoders.engine import Engine, Inputs, OnnxEngine, run_batches
from motet.encoders.pretrained import PretrainedEncoder

AGREEMENT = 0.999
GAIN = 1.15  # times faster that bfloat16 must be: below that, features like the shipped ones are worth more


class TorchEngine:
    """PyTorch under bfloat16 autocast."""

    name = "torch-bf16"

    def __init__(self, directory: Path, modality: str) -> None:
        self._module = torch_loading.load(directory, modality)

    def __call__(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """Pooled features [B, D] of one batch."""
        return self.both(inputs)[0]

    def both(self, inputs: Inputs) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pooled features [B, D] and tokens [B, T, D] of one batch."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            pooled, tokens = self._module(**{name: torch.from_numpy(value) for name, value in inputs.items()})
        return pooled.float().numpy(), tokens.float().numpy()

    @contextmanager
    def side_by_side(self) -> Iterator[TorchEngine]:
        """While it is open, several threads may call it at once, and a batch takes one core."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield self
        finally:
            torch.set_num_threads(before)


def choose_engine(
    encoder: PretrainedEncoder, sample: Callable[[], list[Inputs]]
) -> tuple[PretrainedEncoder, dict[str, Any]]:
    """Return the encoder with the faster engine, and what was measured: rows a second of each, and agreement.

    sample : gives some batches of real rows, the first of which also warms up; called only when this encoder was
    not yet measured on this machine. Without any, onnxruntime is taken and nothing is remembered.
    """
    book = cache_directory() / "engines.json"
    key = f"{encoder.identity} {_machine()}"
    known: dict[str, Any] = {}
    if book.is_file():
        try:
            read = json.loads(book.read_text(encoding="utf-8"))
        except ValueError:
            read = None
        known = read if isinstance(read, dict) else {}
    if key not in known:
        batches = sample()
        if not batches:
            return encoder, {"chosen": OnnxEngine.name}
        known[key] = _measure(encoder, batches)
        book.parent.mkdir(parents=True, exist_ok=True)
        unfinished = book.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(known, indent=1), encoding="utf-8")
        unfinished.replace(book)
    measured = known[key]
    if measured["chosen"] == TorchEngine.name:

        def engine() -> Engine:
            return TorchEngine(encoder.directory, encoder.modality)

        encoder = PretrainedEncoder(
            encoder.directory,
            engine=engine,
            engine_name=TorchEngine.name,
            name=encoder.name,
            licence=encoder.licence,
        )
    return encoder, measured


def _measure(encoder: PretrainedEncoder, sample: list[Inputs]) -> dict[str, Any]:
    if not _has_bfloat16():
        return {"chosen": OnnxEngine.name, "why": "this processor has no bfloat16 instructions"}
    rows = sum(len(next(iter(batch.values()))) for batch in sample)
    rates: dict[str, float] = {}
    pooled: dict[str, npt.NDArray[np.float32]] = {}
    for engine in (encoder.engine, TorchEngine(encoder.directory, encoder.modality)):
        _run(engine, sample[: 2 * processors()])  # to warm up
        begun = time.perf_counter()
        pooled[engine.name] = np.concatenate(_run(engine, sample))
        rates[engine.name] = rows / (time.perf_counter() - begun)
    exact, fast = pooled[OnnxEngine.name], pooled[TorchEngine.name]
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(fast, axis=1)
    cosine = (exact * fast).sum(axis=1) / np.maximum(norms, 1e-12)
    agreement = float(cosine.min())
    faster = rates[TorchEngine.name] > GAIN * rates[OnnxEngine.name]
    return {
        "chosen": TorchEngine.name if faster and agreement >= AGREEMENT else OnnxEngine.name,
        "rows_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "lowest_cosine": round(agreement, 6),
    }


def _run(engine: Engine, sample: list[Inputs]) -> list[npt.NDArray[np.float32]]:
    """As it is run when rows are encoded."""
    return list(run_batches(lambda: engine, lambda narrow, batch: narrow(batch), iter(sample)))


def _has_bfloat16() -> bool:
    """Emulated, one batch of a convolutional network can take longer than all rows in float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # not in every version: then it is measured
    return capabilities is None or any(has for name, has in capabilities().items() if "bf16" in name)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {processors()} cores, torch {torch.__version__}"
