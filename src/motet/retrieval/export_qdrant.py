"""An index becomes a collection of Qdrant, for those who outgrow one machine."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from motet.errors import SearchError
from motet.retrieval.index import Index

# Qdrant takes only whole numbers and UUIDs for ids: each id becomes one by its name, the same at every export.
NAMES = uuid.UUID("6f0f4a62-5d5c-5c0e-9f0a-2f6a8a4f1d55")


def export_qdrant(index: Index, client: Any, collection: str, *, rows_at_once: int = 500) -> int:
    """Write all rows to a new collection; returns how many.

    client : a `qdrant_client.QdrantClient`. Similarity is the dot product, as here. The payload holds metadata under
    `metadata` and the row's own id under `id`. SearchError where the collection is there already.
    """
    try:
        from qdrant_client import models
    except ImportError as error:
        raise SearchError(
            "qdrant-client is not installed: install motet[search-export], or qdrant-client beside it"
        ) from error
    if client.collection_exists(collection):
        raise SearchError(f"the collection {collection!r} is there already: give it another name")
    client.create_collection(
        collection, vectors_config=models.VectorParams(size=index.width, distance=models.Distance.DOT)
    )
    written = 0
    for ids, vectors, metadata in index.batches(rows_at_once):
        points = [
            models.PointStruct(
                id=str(uuid.uuid5(NAMES, name)),
                vector=vector,
                payload={"id": name, "metadata": {key: _json(value) for key, value in row.items()}},
            )
            for name, vector, row in zip(ids, vectors.tolist(), metadata.to_pylist(), strict=True)
        ]
        client.upsert(collection, points)
        written += len(points)
    return written


def _json(value: Any) -> Any:
    """A value as JSON can say it: dates and times in ISO 8601, which Qdrant filters by."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    return value
