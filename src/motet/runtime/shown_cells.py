"""What a person should see of a row in a report: its number, id, label, words, and where its files are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import Schema, Table, row_ids

Rows = npt.NDArray[np.int64]
TEXT_SHOWN = 600


def shown_cells(table: Table, schema: Schema, rows: Rows) -> Iterator[dict[str, Any]]:
    """What a person should see of each row: number, id, label, words, and where its picture and sound are."""
    named = schema.id is not None and schema.id in table.columns
    ids = row_ids(table, str(schema.id), rows) if named else [None] * len(rows)
    label = None if schema.label is None else table.column(schema.label)
    for row, name in zip(rows.tolist(), ids, strict=True):
        yield {
            "row": row,
            "id": name,
            "label": None if label is None else str(label[row].as_py()),
            "text": _words(table, schema.inputs("text"), row),
            "image": _file(table, schema.inputs("image"), row),
            "audio": _file(table, schema.inputs("audio"), row),
        }


def _cell(table: Table, column: str | None, row: int) -> Any:
    return None if column is None or column not in table.columns else table.column(column)[row].as_py()


def _words(table: Table, columns: tuple[str, ...], row: int) -> str | None:
    words = [(name, _cell(table, name, row)) for name in columns]
    said = [f"{name}: {value}" if len(columns) > 1 else str(value) for name, value in words if value]
    return "\n".join(said)[:TEXT_SHOWN] or None


def _file(table: Table, columns: tuple[str, ...], row: int) -> str | None:
    values = (_cell(table, name, row) for name in columns)
    return next((value for value in values if isinstance(value, str)), None)
