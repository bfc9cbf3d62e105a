"""What is wrong with cells before heads are fitted: refused where a modality has none left, else listed and noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Cells, ImageCells, Schema, Table, modality_kind
from motet.encoders import FeatureTable
from motet.errors import MediaError, TableError

Rows = npt.NDArray[np.int64]


def issues_of(
    table: Table, by_modality: Mapping[str, Cells], tables: Mapping[str, FeatureTable], rows: Rows
) -> list[CellIssue]:
    """What is wrong with cells of the rows, once for each cell, in order."""
    issues = [*table.issues]
    issues += [issue for column in by_modality.values() for issue in column.issues]
    issues += [issue for made in tables.values() for issue in made.issues]
    known = set(rows.tolist())
    issues.sort(key=lambda issue: issue.broken)  # of a cell that was mended and is broken the latter counts
    unique = {(issue.row, issue.column): issue for issue in issues if issue.row in known}
    return [unique[key] for key in sorted(unique)]


def mended_note(issues: Sequence[CellIssue], schema: Schema) -> list[str]:
    """A note on cells that were mended or cut and are used, where there are any."""
    read = {column.name for column in schema.columns if column.role != "ignored"}
    mended = [issue for issue in issues if issue.column in read]
    if not mended:
        return []
    first = mended[0]
    cells = "cell" if len(mended) == 1 else "cells"
    return [
        f"{len(mended):,} {cells} mended, and used: such as row {first.row}, column {first.column!r}: {first.reason}"
    ]


def refuse_unseen(
    modality: str, present: npt.NDArray[np.bool_], issues: Sequence[CellIssue], schema: Schema
) -> None:
    """Raise TableError where no row to fit on has a modality; present [n] of these rows."""
    if not present.any():
        columns = ", ".join(schema.inputs(modality))
        first = f" ({issues[0].reason})" if issues else ""
        raise TableError(
            f"no training row has {_usable(modality)} (columns: {columns}){first}: "
            "mend the cells, or leave these columns out"
        )


def refuse_unread(cells: ImageCells, read: npt.NDArray[np.bool_], rows: Rows, schema: Schema) -> None:
    """Raise TableError where no picture of the given rows is read, by what `read` [N] says, with the first reason."""
    issues = [] if read[rows].any() else unread(cells, rows[cells.present[rows]][:1])
    refuse_unseen("image", read[rows], issues, schema)


def unread(cells: ImageCells, rows: Rows) -> list[CellIssue]:
    """Why pictures of rows cannot be read."""
    issues: list[CellIssue] = []
    for cell in (cell for row in cells.take(rows) for cell in row):
        try:
            cell.picture(cell.read())
        except MediaError as error:
            issues.append(CellIssue(cell.row, cell.column, str(error)))
    return issues


def _usable(modality: str) -> str:
    kinds = {
        "image": "a usable picture",
        "text": "usable words",
        "audio": "a usable sound",
        "tabular": "a usable number or category",
        "vector": f"a usable vector of {modality}",
    }
    return kinds[modality_kind(modality)]
