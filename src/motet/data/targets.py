"""What a label column is read as: one class a row, a number, or any number of labels."""

from __future__ import annotations

from collections.abc import Sequence

from motet.data.classes import Labels, TargetKind, encode_labels, labels
from motet.data.label_sets import encode_label_sets, label_sets
from motet.data.quantities import encode_quantities, quantities
from motet.data.schema import Schema
from motet.data.table import Table
from motet.errors import TableError


def read_target(table: Table, schema: Schema, kind: TargetKind) -> Labels:
    """Read the label column to learn from it; TableError where it cannot be learned from."""
    if kind == "number":
        return quantities(table, schema)
    if kind == "labels":
        return label_sets(table, schema)
    found = labels(table, schema)
    if len(found.classes) == int((found.values >= 0).sum()):
        raise TableError(
            f"{table.name}: every row has a label of its own in column {schema.label!r}: "
            f"that names rows, it is not a class{_or_a_number(schema)}"
        )
    return found


def encode_target(table: Table, schema: Schema, kind: TargetKind, classes: Sequence[str]) -> Labels:
    """Read the label column to measure a model of these classes on it."""
    if kind == "number":
        return encode_quantities(table, schema)
    if kind == "labels":
        return encode_label_sets(table, schema, classes)
    return encode_labels(table, schema, classes)


def label_notes(found: Labels, column: str) -> list[str]:
    """How the label column was read where that is to be said, and which of its cells hold what is no label."""
    unread = [issue for issue in found.issues if found.values[issue.row] == -1]
    if not unread:
        return [*found.notes]
    first = unread[0]
    cells = "1 cell" if len(unread) == 1 else f"{len(unread):,} cells"
    return [
        *found.notes,
        f"{cells} of label column {column!r} left out, such as {first.value!r} in row {first.row}: {first.reason}",
    ]


def unseen_labels(found: Labels, classes: Sequence[str]) -> list[str]:
    """A note on labels of rows that a model of these classes never gives, where there are any."""
    unseen = found.classes[len(classes) :] if found.kind == "labels" else ()
    if not unseen:
        return []
    names = ", ".join(map(repr, unseen[:10])) + (" ..." if len(unseen) > 10 else "")
    return [f"labels that the model never saw count as missed: {names}"]


def _or_a_number(schema: Schema) -> str:
    numeric = any(column.name == schema.label and column.kind == "numeric" for column in schema.columns)
    return "; learn numbers with --target number (in Python MultimodalRegressor)" if numeric else ""
