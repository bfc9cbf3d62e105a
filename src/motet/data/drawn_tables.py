"""Tables that are drawn by code take the place of such tables alone, and never of a user's own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from motet.errors import UsageError


def refuse_other_table(path: Path, columns: Sequence[str]) -> None:
    """Raise UsageError where something else than a table with these columns, or an empty file, stands at `path`."""
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        found = []
    if found != list(columns):
        raise UsageError(f"{path} stands there already and was not drawn here: name another folder with -o")
