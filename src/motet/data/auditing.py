"""What is wrong with a table before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from motet.data.schema import Schema
from motet.data.table import Table

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Audit:
    """What `audit` found; `to_json` is what `motet inspect --json` prints."""

    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON data."""
        return self.data


def audit(table: Table, schema: Schema, *, decode: bool = True, progress: Progress | None = None) -> Audit:
    """Count what is present, absent and broken, find duplicates, and warn in order of harm."""
    raise NotImplementedError
