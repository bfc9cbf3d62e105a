"""The pictures of the gallery of mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from motet.data import ImageCells, Schema, Table
from motet.data.media import decode_image
from motet.errors import MediaError
from motet.report.thumbnails import thumbnail


def mistake_thumbnails(table: Table, schema: Schema, evaluation: Mapping[str, Any]) -> dict[int, str]:
    """Small pictures, as data URIs, of the rows in the evaluation's gallery of mistakes."""
    if not schema.inputs("image"):
        return {}
    rows = np.array([mistake["row"] for mistake in evaluation.get("mistakes", [])], np.int64)
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
