"""An index becomes a table of LanceDB, for those who outgrow one machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from motet.errors import SearchError
from motet.retrieval.index import Index

OWN = ("id", "vector")


def export_lancedb(index: Index, database: Any, name: str, *, rows_at_once: int = 10_000) -> int:
    """Write all rows to a new table; returns how many.

    database : what `lancedb.connect` gives. Columns: `id`, `vector` [width] float32, then those of the metadata, where
    id and vector become metadata_id and metadata_vector. SearchError where the table is there already.
    """
    columns = [f"metadata_{one.name}" if one.name in OWN else one.name for one in index.schema]
    kinds = [one.type for one in index.schema]
    vector = pa.list_(pa.float32(), index.width)
    schema = pa.schema([("id", pa.string()), ("vector", vector), *zip(columns, kinds, strict=True)])

    def batches() -> Iterator[pa.RecordBatch]:
        for ids, vectors, metadata in index.batches(rows_at_once):
            if ids:
                arrays = [
                    pa.array(ids, pa.string()),
                    pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), index.width),
                    *(column.combine_chunks() for column in metadata.columns),
                ]
                yield pa.record_batch(arrays, schema=schema)

    try:
        table = database.create_table(name, batches(), schema=schema, mode="create")
    except ValueError as error:
        if "exist" in str(error):
            raise SearchError(f"the table {name!r} is there already: give it another name") from error
        raise
    return int(table.count_rows())
