"""The same command twice on one machine gives identical metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def measured(directory: Path) -> dict[str, Any]:
    """All of `evaluation.json` but how long things took."""
    found: dict[str, Any] = json.loads((directory / "evaluation.json").read_text(encoding="utf-8"))
    found.pop("seconds")
    for epochs in found["history"].values():
        for epoch in epochs:
            epoch.pop("seconds", None)
    return found


def test_the_same_command_twice(motet: Callable[..., Any], catalogue: Any, tmp_path: Path) -> None:
    options = ("--label", "category", "--seed", 3)
    for name in ("one", "two"):
        done = motet("train", catalogue.table, *options, "-o", tmp_path / name, "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["seed"] == 3
    assert measured(tmp_path / "one") == measured(tmp_path / "two")
    for head in (tmp_path / "one" / "heads").glob("*.safetensors"):
        assert head.read_bytes() == (tmp_path / "two" / "heads" / head.name).read_bytes(), head.name


@pytest.mark.slow
def test_another_seed_draws_another_split(motet: Callable[..., Any], catalogue: Any, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    lines = catalogue.table.read_text(encoding="utf-8").replace("split", "side", 1)
    table.write_text(lines, encoding="utf-8")
    chosen = []
    for seed in (0, 1):
        out = tmp_path / str(seed)
        arguments = ("--label", "category", "--text", "title", "--fusion", "late", "--seed", seed)
        assert motet("train", table, *arguments, "-o", out).code == 0
        chosen.append(measured(out)["mistakes"])
    assert chosen[0] != chosen[1]
