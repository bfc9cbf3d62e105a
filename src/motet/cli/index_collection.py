"""A table as an index takes it: vectors of its pictures, ids, and the columns to filter by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from motet.cli.index_numbers import Convention, as_about, convention_of, conventions_in, read_added

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from motet.data import Table
    from motet.retrieval import Index
    from motet.runtime import MatchModel


PICTURES = "image"  # what an index says of itself: its columns of pictures, as JSON
LEAST_SENTENCES = 100
SENTENCES = 500  # enough to know a recall of .95 to a half of a hundredth


class Collection(NamedTuple):
    """Rows with a picture; `about` says where the pictures lie, and how numbers were read.

    `sentences` [Q, D] are vectors of a sample of the table's sentences, to tune a new index by; None where it has few.
    """

    vectors: npt.NDArray[np.float32]
    ids: list[str]
    metadata: pa.Table
    about: dict[str, str]
    sentences: npt.NDArray[np.float32] | None


def read_collection(
    model: MatchModel, table: str, id: str | None, image_root: Path | None, index: Index | None = None
) -> Collection:
    """Read a table and encode its pictures. index : what it is to be added to, whose columns it then has."""
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
    # before the pictures: a number that cannot be read is said at once
    if index is None:
        metadata, conventions = _first_metadata(read)
        about = {PICTURES: json.dumps(columns)}
        if read.root:
            about["image_root"] = str(read.root.absolute())
    else:
        metadata, conventions = _more_metadata(read, index)
        metadata = _paths_from(metadata, read, index.state.about)
        about = {}
    embedded = model.embed_images(ImageCells(read, columns))
    rows = np.flatnonzero(embedded.present)
    if len(rows) < len(read):
        message(f"{counted(len(read) - len(rows), 'row')} without a picture that can be read: left out")
    if embedded.issues:
        message(f"broken: {listed([f'row {one.row}: {one.reason}' for one in embedded.issues])}")
    if len(rows) == 0:
        first = f" ({embedded.issues[0].reason})" if embedded.issues else ""
        raise TableError(f"{table}: no row has a picture that can be read{first}: there is nothing to search")
    return Collection(
        embedded.vectors[rows],
        [ids[row] for row in rows],
        metadata.take(rows),
        about | as_about(conventions),
        _sentences(model, read) if index is None else None,
    )


def picture_columns(about: Mapping[str, str]) -> list[str]:
    """The columns of pictures that an index was built from; none where its vectors came from elsewhere."""
    columns: list[str] = json.loads(about.get(PICTURES, "[]"))
    return columns


def _paths_from(metadata: pa.Table, table: Table, about: Mapping[str, str]) -> pa.Table:
    """Paths of a table of another folder than the index's, written whole: they would lead to other pictures there."""
    import pyarrow as pa

    if table.root is None or about.get("image_root") == str(table.root.absolute()):
        return metadata
    for column in picture_columns(about):
        if column not in metadata.column_names or not _has_words(metadata.column(column)):
            continue
        cells = metadata.column(column)
        whole = [None if path is None else str(table.root.absolute() / path) for path in cells.to_pylist()]
        place = metadata.column_names.index(column)
        metadata = metadata.set_column(place, column, pa.array(whole, cells.type))
    return metadata


def _sentences(model: MatchModel, table: Table) -> npt.NDArray[np.float32] | None:
    import numpy as np

    from motet.data import TextCells

    cells = [TextCells(table, [name]) for name in model.manifest.schema.inputs("text")]
    rows = [np.flatnonzero(column.present) for column in cells]
    column_of = np.repeat(np.arange(len(cells)), [len(one) for one in rows])
    row_of = np.concatenate(rows)
    chosen = np.random.default_rng(0).permutation(len(row_of))[:SENTENCES]
    texts = [cells[column_of[place]].take(row_of[place : place + 1])[0] for place in chosen]
    if len(texts) < LEAST_SENTENCES:
        return None
    embedded = model.embed_texts(texts)
    vectors = embedded.vectors[embedded.present]
    return vectors if len(vectors) >= LEAST_SENTENCES else None


def _first_metadata(table: Table) -> tuple[pa.Table, dict[str, Convention]]:
    """The columns of words, numbers and dates; numbers written as words, as in a CSV, become numbers."""
    import numpy as np
    import pyarrow as pa

    from motet.cli.console import message
    from motet.data import infer_schema
    from motet.data.tabular_cells import numbers_of

    numeric = {one.name for one in infer_schema(table).columns if one.kind == "numeric"}
    conventions: dict[str, Convention] = {}
    kept = {}
    for name, column in _kept(table).items():
        if not (name in numeric and _has_words(column)):
            kept[name] = column
            continue
        told = convention_of(column, name)
        if told is not None:
            conventions[name] = told
        numbers, issues = numbers_of(column, name, precision=np.float64)
        if issues:
            first = issues[0]
            message(
                f"note: column {name!r}: cells without a number, such as {first.value!r} in row {first.row} "
                f"({first.reason}), are absent in the index"
            )
        kept[name] = pa.chunked_array([pa.array(numbers, from_pandas=True)])  # NaN is an absent value
    return pa.table(kept), conventions


def _more_metadata(table: Table, index: Index) -> tuple[pa.Table, dict[str, Convention]]:
    """The same of a table that is added, whose numbers are read as those of the index were."""
    import pyarrow as pa

    conventions = conventions_in(index.state.about)
    numeric = {one.name for one in index.schema if pa.types.is_floating(one.type)}
    kept = {}
    for name, column in _kept(table).items():
        if not (name in numeric and _has_words(column)):
            kept[name] = column
            continue
        if name not in conventions:  # no cell told so far
            told = convention_of(column, name)
            if told is not None:
                conventions[name] = told
        numbers = read_added(column, name, conventions.get(name, "."))
        kept[name] = pa.chunked_array([pa.array(numbers, from_pandas=True)])
    return pa.table(kept), conventions


def _kept(table: Table) -> dict[str, pa.ChunkedArray]:
    """The columns that can be filtered by: neither lists nor bytes."""
    import pyarrow as pa

    return {
        name: column
        for name in table.columns
        for column in [table.column(name)]
        if not (
            pa.types.is_nested(column.type)
            or pa.types.is_binary(column.type)
            or pa.types.is_large_binary(column.type)
        )
    }


def _has_words(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


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
