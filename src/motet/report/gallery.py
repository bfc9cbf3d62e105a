"""The pictures of the galleries: mistakes of a classifier, queries and answers of a model that matches, captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from motet.data import ImageCells, Schema, Table
from motet.data.media import decode_image
from motet.errors import MediaError
from motet.report.thumbnails import thumbnail


def shown_thumbnails(table: Table, schema: Schema, evaluation: Mapping[str, Any]) -> dict[int, str]:
    """Small pictures, as data URIs, of the rows that the evaluation's galleries show."""
    if not schema.inputs("image"):
        return {}
    rows = np.unique(np.array([*_rows(evaluation)], np.int64))
    shown: dict[int, str] = {}
    pictures = ImageCells(table, schema.inputs("image"))
    for row, of_row in zip(rows.tolist(), pictures.take(rows), strict=True):
        for cell in of_row:
            try:
                shown[row] = thumbnail(decode_image(cell.read()))
                break
            except MediaError:
                continue
    return shown


def _rows(evaluation: Mapping[str, Any]) -> Iterator[int]:
    yield from (mistake["row"] for mistake in evaluation.get("mistakes", []))
    for queries in evaluation.get("examples", {}).values():
        for query in queries:
            yield from (one["image_row"] for one in (query, *query.get("found", [])) if "image_row" in one)
