"""The walls that import-linter keeps name every file of `encoders`: one that is not named could import PyTorch."""

from __future__ import annotations

import tomllib
from pathlib import Path

import motet.encoders

HERE = "motet.encoders."
SAID = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
FORBIDDEN = [c for c in SAID["tool"]["importlinter"]["contracts"] if c["type"] == "forbidden"]
FILES = {path.stem for path in Path(motet.encoders.__file__).parent.glob("*.py")} - {"__init__"}
TORCH = {name for name in FILES if name.startswith("torch_")}


def named(modules: list[str]) -> set[str]:
    return {module.removeprefix(HERE) for module in modules if module.startswith(HERE)}


def test_every_file_is_kept_from_torch_and_from_the_files_that_import_it() -> None:
    assert len(FORBIDDEN) == 2
    for contract in FORBIDDEN:
        assert named(contract["source_modules"]) == FILES - TORCH, contract["name"]
    assert named(FORBIDDEN[1]["forbidden_modules"]) == TORCH
