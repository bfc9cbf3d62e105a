"""A disk that is full while a model is trained and saved: it is said, and nothing half-written is left as a model."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motet.model.directory import sha256

STAGES = (
    ("sources", "save_encoder"),
    ("build", "export_head"),
    ("build", "write_manifest"),
    ("results", "model_card"),
    ("results", "shown_thumbnails"),
    ("results", "write_report"),
    ("results", "write_manifest"),
)


def state(directory: Path) -> dict[str, str]:
    return {p.relative_to(directory).as_posix(): sha256(p) for p in directory.rglob("*") if p.is_file()}


def options(catalogue: Any, output: Path) -> list[object]:
    few = ["--label", "category", "--text", "title", "--text-encoder", "lexical", "--fusion", "late"]
    return ["train", catalogue.table, *few, "-o", output]


@pytest.mark.parametrize(("module_name", "stage"), STAGES)
def test_at_every_stage_of_writing(
    motet: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    catalogue: Any,
    model_copy: Path,
    module_name: str,
    stage: str,
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importlib.import_module(f"motet.deployment.{module_name}"), stage, full)
    before = state(model_copy)
    done = motet(*options(catalogue, model_copy))
    assert done.code == 1 and done.out == ""
    assert f"{model_copy}: the model could not be saved: No space left on device" in done.err
    assert state(model_copy) == before
    assert [p.name for p in model_copy.parent.iterdir()] == [model_copy.name]


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [1, 3, 8, 16])
def test_with_writers_that_are_not_python(catalogue: Any, tmp_path: Path, kilobytes: int) -> None:
    # A limit on the size of a file stands in for a full disk: it fails inside ONNX's and safetensors' own writers.
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import motet.deployment
from motet.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes} * 1024, {kilobytes} * 1024))
main()
"""
    output = tmp_path / "out" / "model"
    arguments = map(str, options(catalogue, output))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "File too large" in last, last
    assert not output.exists()
    assert not output.parent.exists() or not any(output.parent.iterdir())
