"""What every task's directory ends with, beside its encoders and heads: `evaluation.json`, the card, the report."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet import __version__
from motet.data import CellIssue, Pairs, Schema, Table
from motet.data.splits import side_counts
from motet.deployment.versions import package_versions
from motet.model import Manifest, model_card, write_manifest
from motet.report import shown_thumbnails, write_report


def not_measured(task: str) -> dict[str, Any]:
    """The evaluation of a model for which no row tests."""
    return {"schema_version": 1, "task": task, "split": "test", "n": 0, "seconds": {}}


def add_broken(evaluation: dict[str, Any], issues: Iterable[CellIssue]) -> None:
    """List every broken cell of the table once: those of the test rows may have been found by what ships too."""
    told = [issue.to_json() for issue in issues if issue.broken]
    by_cell = {(one["row"], one["column"]): one for one in (*told, *evaluation.get("broken", []))}
    evaluation["broken"] = [by_cell[cell] for cell in sorted(by_cell)]
    evaluation.setdefault("issues", {})["broken"] = len(by_cell)


def data_of_pairs(table: Table, pairs: Pairs, sides: npt.NDArray[np.int8]) -> dict[str, Any]:
    """Pictures on each side [P], and rows of the table of which no sentence is on any."""
    read = np.unique(pairs.row[sides[pairs.picture] >= 0])
    return {"name": table.name, "rows": side_counts(sides), "left_out": len(table) - len(read)}


def made_with() -> dict[str, str]:
    """The versions of this package, of Python and of the packages that made a model."""
    return {"motet": __version__, "python": platform.python_version(), **package_versions()}


def write_results(
    making: Path, manifest: Manifest, evaluation: dict[str, Any], table: Table, schema: Schema
) -> None:
    """Write the evaluation, the card and, where rows were measured, the report; the manifest lists them in the end."""
    text = json.dumps(evaluation, ensure_ascii=False, indent=1)
    (making / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    measured = bool(evaluation["n"])
    card = model_card(manifest, evaluation if measured else None)
    (making / "README.md").write_text(card, encoding="utf-8")
    if measured:
        pictures = shown_thumbnails(table, schema, evaluation)
        write_report(making / "report.html", evaluation, title=table.name, thumbnails=pictures)
    write_manifest(making, manifest)
