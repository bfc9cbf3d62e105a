"""Tables that are in memory already: DataFrames, `datasets`, dictionaries of columns, lists of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from motet.data.repair import column_of_objects
from motet.data.table import CellIssue
from motet.errors import TableError, UsageError

Read = tuple[pa.Table, list[CellIssue]]


def is_pandas(source: Any) -> bool:
    """Tell a pandas DataFrame without importing pandas."""
    return type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "iloc")


def is_datasets(source: Any) -> bool:
    """Tell an object of the `datasets` library without importing it."""
    return any(kind.__module__.split(".")[0] == "datasets" for kind in type(source).__mro__)


def columns_of_pandas(frame: Any) -> Read:
    """Read a DataFrame column by column; its index is not a column."""
    if frame.ndim != 2:
        raise UsageError("give a DataFrame, not a Series: a table has named columns")
    names = _valid(frame.columns)
    refuse_duplicates(names, "the DataFrame")
    columns, issues = [], []
    for position, name in enumerate(names):
        series = frame.iloc[:, position]
        column, found = _column(series.tolist() if series.dtype == object else series, name)
        columns.append(column)
        issues += found
    return pa.table(columns, names=names), issues


def columns_of_dataset(dataset: Any) -> Read:
    """Read a `datasets.Dataset`: its Arrow table as it lies on disk, or the rows it selects, in order."""
    kind = type(dataset).__name__
    if hasattr(dataset, "keys") or not hasattr(dataset, "data"):
        raise UsageError(f"a {kind} is not one table: take one split of it, such as dataset['train']")
    chosen = getattr(dataset, "_indices", None) is not None
    table = dataset.with_format("arrow")[:] if chosen else dataset.data.table
    table = table.select([name for name in table.column_names if name in dataset.features])
    for position, name in enumerate(table.column_names):
        names = getattr(dataset.features[name], "names", None)
        if names and pa.types.is_integer(table.schema.field(name).type):
            words = pa.array([str(word) for word in names])
            chunks = [_name(chunk, words) for chunk in table.column(name).chunks]
            table = table.set_column(position, name, pa.chunked_array(chunks, type=pa.string()))
    return table, []


def _name(numbers: pa.Array, words: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    # the library writes -1 where a label is not known
    known = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(words)))
    return words.take(pc.if_else(known, numbers, pa.scalar(None, numbers.type)))


def columns_of_mapping(source: Mapping[Any, Any]) -> Read:
    """Read a dictionary of columns: lists, numpy or Arrow arrays of one length."""
    columns, issues, lengths = [], [], {}
    names = _valid(source)
    refuse_duplicates(names, "the dictionary")
    for name, values in zip(names, source.values(), strict=True):
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise UsageError(f"column {name!r} must be a list or an array with a value for each row")
        column, found = _column(values, name)
        columns.append(column)
        issues += found
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        raise TableError(f"columns must have one length; they have {lengths}")
    return pa.table(columns, names=names), issues


def columns_of_records(records: Sequence[Any], name: str = "the list", first_row: int = 0) -> Read:
    """Read a list of dictionaries, one a row; a name that a row lacks is absent there."""
    names: dict[str, None] = {}
    for row, record in enumerate(records, first_row):
        if not isinstance(record, Mapping):
            raise TableError(f"{name}, row {row}: a row must be a dictionary, not {type(record).__name__}")
        names.update(dict.fromkeys(map(str, record)))
    columns, issues = [], []
    for key in names:
        column, found = column_of_objects([record.get(key) for record in records], key, first_row)
        columns.append(column)
        issues += found
    safe = _valid(names)
    refuse_duplicates(safe, name)
    return pa.table(columns, names=safe), issues


def refuse_duplicates(names: Sequence[str], where: str) -> None:
    """Raise TableError where two columns have one name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise TableError(
            f"{where}: column names must differ; given more than once: {', '.join(map(repr, repeated))}"
        )


def _valid(names: Iterable[Any]) -> list[str]:
    """Return names as text that has a UTF-8 form: half a character (a lone surrogate) becomes "?"."""
    return [str(name).encode("utf-8", "replace").decode() for name in names]


def _column(values: Any, name: str) -> tuple[pa.Array | pa.ChunkedArray, list[CellIssue]]:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values, []
    if getattr(values, "ndim", 1) > 1 or str(getattr(values, "dtype", "")) == "object":
        values = list(values)
    if not isinstance(values, list | tuple):
        try:
            return pa.array(values, from_pandas=True), []
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
            values = list(values)
    return column_of_objects(values, name)
