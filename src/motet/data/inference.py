"""What each column holds, told from a bounded sample of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from motet.data.schema import Schema
from motet.data.table import Table


def infer_schema(
    table: Table,
    *,
    label: str | None = None,
    image: Sequence[str] = (),
    text: Sequence[str] = (),
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    split: str | None = None,
    group: str | None = None,
    id: str | None = None,
) -> Schema:
    """Tell the kind and role of each column; what the caller names is taken as said."""
    raise NotImplementedError
