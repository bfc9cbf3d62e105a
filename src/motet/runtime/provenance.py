"""What an evaluation says of how it came about: broken cells, sources, times, versions, the table."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from motet import __version__
from motet.data import CellIssue, Table
from motet.model import Manifest, table_digest


def trained_on(manifest: Manifest, table: Table) -> bool:
    """Whether a table is the one that trained the model."""
    trained = manifest.training.get("table")
    return isinstance(trained, dict) and trained.get("digest") == table_digest(table)


def broken_cells(*found: Iterable[CellIssue]) -> list[CellIssue]:
    """Each cell that counts as absent once, by row: what reads it, and what encodes it, may both have told."""
    cells = {(one.row, one.column): one for issues in found for one in issues if one.broken}
    return [cells[cell] for cell in sorted(cells)]


def provenance(
    manifest: Manifest,
    table: Table,
    broken: Sequence[CellIssue],
    notes: Sequence[str],
    *,
    encoding: float,
    begun: float,
) -> dict[str, Any]:
    """The keys with which `evaluation.json` ends for every task.

    encoding : seconds that encoding took; begun : `time.perf_counter()` when the evaluation began.
    """
    return {
        "broken": [issue.to_json() for issue in broken],
        "sources": {
            name: {"modality": e.modality, "encoder": e.encoder, "width": e.width, "licence": e.licence}
            for name, e in manifest.sources.items()
        },
        "notes": list(notes),
        "seconds": {"encode_test": round(encoding, 3), "evaluate": round(time.perf_counter() - begun, 3)},
        "versions": {"motet": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "data": {"name": table.name},
    }
