"""The input cells of a table, modality by modality."""

from __future__ import annotations

from motet.data.image_cells import ImageCells
from motet.data.schema import Schema
from motet.data.table import Table
from motet.data.tabular_cells import TabularCells
from motet.data.text_cells import TextCells

Cells = ImageCells | TextCells | TabularCells


def cells(table: Table, schema: Schema) -> dict[str, Cells]:
    """Return the cells of each modality that the schema has, in canonical order.

    A column that the table lacks counts as absent in every row: at predict time a missing modality has
    `present` False everywhere and the caller decides.
    """
    made: dict[str, Cells] = {}
    for modality in schema.modalities:
        if modality == "image":
            made[modality] = ImageCells(table, schema.inputs("image"))
        elif modality == "text":
            made[modality] = TextCells(table, schema.inputs("text"))
        elif modality == "tabular":
            made[modality] = TabularCells(
                table, schema.inputs("tabular", "numeric"), schema.inputs("tabular", "categorical")
            )
    return made
