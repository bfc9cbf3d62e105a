"""What comes into an index beside vectors, checked: ids and metadata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.errors import SearchError


def check_metadata(metadata: pa.Table | None, ids: pa.Array, schema: pa.Schema | None) -> pa.Table:
    """Metadata in the columns of the index, where it has any; without metadata, the ids are what can be filtered by."""
    rows = len(ids)
    metadata = pa.table({"id": ids}) if metadata is None else metadata
    if metadata.num_rows != rows:
        raise SearchError(f"{rows} vectors, but {metadata.num_rows} rows of metadata")
    names = metadata.column_names
    if len(set(names)) < len(names):
        raise SearchError(f"metadata: two columns have the same name among {', '.join(names)}")
    if schema is None:
        kinds = [(one.name, _kept_as(one.type)) for one in metadata.schema]
        return metadata.cast(pa.schema(kinds)).combine_chunks()
    if set(names) != set(schema.names):
        raise SearchError(
            f"metadata: columns {', '.join(names)}, but the index has {', '.join(schema.names)}"
        )
    try:
        return metadata.select(schema.names).cast(schema).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SearchError(f"metadata: does not fit the columns of the index: {error}") from error


def _kept_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):  # no value yet: words fit in later, as null nothing would
        return pa.string()
    if pa.types.is_dictionary(kind):  # what is added later has other categories, and a file one list of them
        return kind.value_type
    return kind


def check_ids(ids: Sequence[str] | pa.Array) -> pa.Array:
    """Ids as an Arrow array; SearchError where one is not a string, or repeats."""
    try:
        names = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.large_string())
        names = names.cast(pa.large_string())
    except (pa.ArrowException, TypeError, UnicodeEncodeError) as error:
        raise SearchError(f"ids: each is to be a string ({error})") from error
    if names.null_count:
        raise SearchError("ids: one is null, but each row needs an id")
    if pc.count_distinct(names).as_py() < len(names):
        counts = pc.value_counts(names)
        twice = next(one["values"] for one in counts.to_pylist() if one["counts"] > 1)
        rows = np.flatnonzero(pc.equal(names, twice).to_numpy(zero_copy_only=False))
        raise SearchError(f"ids: {twice!r} repeats, in rows {rows[0]} and {rows[1]}")
    return names
