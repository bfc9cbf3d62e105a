"""Any table that a user has becomes a `Table`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from motet.data.table import Table


def read_table(source: Any, *, image_root: str | Path | None = None) -> Table:
    """Read a file, a DataFrame, a `datasets.Dataset`, an Arrow table, a dict of columns or a list of records."""
    raise NotImplementedError
