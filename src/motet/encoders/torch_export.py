"""A torch module becomes an ONNX graph that gives the same numbers at other batch sizes and lengths."""

from __future__ import annotations

import inspect
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from motet.errors import EncoderError

Inputs = dict[str, torch.Tensor]
TOLERANCE = 1e-3  # of the largest absolute value: float32 sums in another order


def export_onnx(
    module: nn.Module,
    example: Inputs,
    check: Inputs,
    path: Path,
    *,
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, str]],
    folding: bool = True,
) -> None:
    """Write `module(*example.values())` as an ONNX graph whose outputs equal PyTorch's on `check`.

    Inputs are given by position, in the order of `example`, and named in the graph by its keys. `check` has
    another batch size (and length) than `example`. The tracing exporter is tried first, because it is ten times
    quicker; where its graph is wrong, or it is gone from PyTorch, the exporter of torch.export follows.

    folding : constants are computed in the file already. Without it, weights in half precision stay half as large, and
        are widened when the graph is opened.

    Raises EncoderError where neither gives PyTorch's numbers.
    """
    module.eval()
    failures = []
    for dynamo in (False, True):
        try:
            _export(module, example, path, outputs, dynamic, dynamo, folding)
            difference = _difference(module, check, path, outputs)
        except Exception as error:  # an exporter may fail in any way: the next one is tried, all are told
            failures.append(
                f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
            )
            continue
        if difference <= TOLERANCE:
            return
        failures.append(f"outputs differ from PyTorch by {difference:.2g} of their range")
    path.unlink(missing_ok=True)
    raise EncoderError(f"cannot be written as ONNX ({'; '.join(failures)})")


def _export(
    module: nn.Module,
    example: Inputs,
    path: Path,
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, str]],
    dynamo: bool,
    folding: bool,
) -> None:
    options: dict[str, Any] = {}
    if dynamo:
        dimensions = {name: torch.export.Dim(name) for axes in dynamic.values() for name in axes.values()}
        shapes = tuple({axis: dimensions[d] for axis, d in dynamic[name].items()} for name in example)
        variadic = any(
            p.kind is p.VAR_POSITIONAL for p in inspect.signature(module.forward).parameters.values()
        )
        options["dynamic_shapes"] = (shapes,) if variadic else shapes
        options["external_data"] = False
    else:
        options["dynamic_axes"] = {name: dict(axes) for name, axes in dynamic.items()}
        options["opset_version"] = 17
        options["do_constant_folding"] = folding
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            torch.no_grad(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(example.values()),
                str(path),
                input_names=list(example),
                output_names=list(outputs),
                dynamo=dynamo,
                **options,
            )
    finally:
        quiet.setLevel(level)


def _difference(module: nn.Module, check: Inputs, path: Path, outputs: Sequence[str]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {value.name for value in session.get_inputs()}
    got = session.run(list(outputs), {k: v.numpy() for k, v in check.items() if k in fed})
    with torch.no_grad():
        made = module(*check.values())
    wanted = [made] if isinstance(made, torch.Tensor) else list(made)
    worst = 0.0
    for one, other in zip(got, wanted, strict=True):
        reference = other.float().numpy()
        span = max(float(np.abs(reference).max()), 1e-6)
        worst = max(worst, float(np.abs(one - reference).max()) / span)
    return worst
