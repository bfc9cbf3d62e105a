"""The input cells of a table, modality by modality."""

from __future__ import annotations

from motet.data.audio_cells import AudioCells
from motet.data.image_cells import ImageCells
from motet.data.schema import Schema
from motet.data.table import Table
from motet.data.tabular_cells import TabularCells
from motet.data.text_cells import TextCells
from motet.data.vector_cells import VectorCells

Cells = ImageCells | TextCells | AudioCells | TabularCells | VectorCells


def cells(table: Table, schema: Schema) -> dict[str, Cells]:
    """Return the cells of each modality that the schema has, in canonical order.

    A column that the table lacks counts as absent in every row: at predict time a missing modality has
    `present` False everywhere and the caller decides.
    """
    return {modality: _cells(table, schema, modality) for modality in schema.modalities}


def _cells(table: Table, schema: Schema, modality: str) -> Cells:
    if modality == "image":
        return ImageCells(table, schema.inputs("image"))
    if modality == "text":
        return TextCells(table, schema.inputs("text"))
    if modality == "audio":
        return AudioCells(table, schema.inputs("audio"))
    if modality == "tabular":
        return TabularCells(
            table,
            [column.name for column in schema.numbers],
            schema.inputs("tabular", "categorical"),
            {column.name: column.decimal for column in schema.numbers},
        )
    return VectorCells(table, modality)
