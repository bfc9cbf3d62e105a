"""A table as an index takes it: vectors of its pictures, ids, and the columns to filter by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from motet.data import Table
    from motet.runtime import MatchModel


class Collection(NamedTuple):
    """Rows with a picture; `about` says in which column and below which folder the pictures lie."""

    vectors: npt.NDArray[np.float32]
    ids: list[str]
    metadata: pa.Table
    about: dict[str, str]


def read_collection(
    model: MatchModel, table: str, id: str | None, image_root: Path | None, schema: pa.Schema | None = None
) -> Collection:
    """Read a table and encode its pictures. schema : columns of the index that it is for, where there is one."""
    import numpy as np

    from motet.cli.console import counted, listed, message
    from motet.cli.paths import check_table
    from motet.data import ImageCells
    from motet.errors import TableError

    check_table(table)
    read = model.read(table, image_root=image_root)
    for note in read.notes:
        message(f"note: {note}")
    columns = model.manifest.schema.inputs("image")
    ids = _ids(model, read, id, columns)
    embedded = model.embed_images(ImageCells(read, columns))
    rows = np.flatnonzero(embedded.present)
    if len(rows) < len(read):
        message(f"{counted(len(read) - len(rows), 'row')} without a picture that can be read: left out")
    if embedded.issues:
        message(f"broken: {listed([f'row {one.row}: {one.reason}' for one in embedded.issues])}")
    if len(rows) == 0:
        first = f" ({embedded.issues[0].reason})" if embedded.issues else ""
        raise TableError(f"{table}: no row has a picture that can be read{first}: there is nothing to search")
    about = {"image": columns[0]} | ({"image_root": str(read.root.absolute())} if read.root else {})
    return Collection(
        embedded.vectors[rows], [ids[row] for row in rows], _metadata(read, schema).take(rows), about
    )


def _metadata(table: Table, schema: pa.Schema | None) -> pa.Table:
    """The columns of words, numbers and dates; numbers written as words, as in a CSV, become numbers."""
    import numpy as np
    import pyarrow as pa

    from motet.cli.console import message
    from motet.data import infer_schema
    from motet.data.decimal_marks import column_reading, reading_note
    from motet.data.tabular_cells import numbers_of

    if schema is None:
        numeric = {one.name for one in infer_schema(table).columns if one.kind == "numeric"}
    else:
        numeric = {one.name for one in schema if pa.types.is_floating(one.type)}
    kept = {}
    for name in table.columns:
        column = table.column(name)
        kind = column.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            continue
        words = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if words and name in numeric:
            note = reading_note(name, column_reading(column, name))
            if note is not None:
                message(f"note: {note}")
            numbers = numbers_of(column, name, precision=np.float64)[0]
            column = pa.chunked_array([pa.array(numbers, from_pandas=True)])  # NaN is an absent value
        kept[name] = column
    return pa.table(kept)


def _ids(model: MatchModel, table: Table, column: str | None, pictures: tuple[str, ...]) -> list[str]:
    import pyarrow as pa

    from motet.errors import UsageError

    if column is None:
        column = model.manifest.schema.id
        if column is None or column not in table.columns:
            column = pictures[0]
    try:
        ids: list[str | None] = table.column(column).cast(pa.large_string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise UsageError(f"the column {column!r} holds no ids: name one with --id") from None
    if None in ids:
        raise UsageError(f"the column {column!r} has no id in row {ids.index(None)}: name another with --id")
    return [str(one) for one in ids]
