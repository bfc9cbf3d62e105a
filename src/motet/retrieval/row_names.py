"""Ids by row: only those that are asked for become strings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from motet.retrieval.exact import Rows


class RowNames:
    """The ids of all rows, in one piece of memory or, of one segment, of its file.

    A query has few answers, and Arrow's own ways to so few strings, `take` and one by one, take as long as the search.
    """

    def __init__(self, ids: Iterable[pa.ChunkedArray]) -> None:
        chunks = [chunk for one in ids for chunk in one.chunks]
        names = pa.chunked_array(chunks, pa.large_string()).combine_chunks()
        _, offsets, text = names.buffers()
        self._text = memoryview(text if text is not None else b"")
        ends = np.frombuffer(offsets if offsets is not None else b"", np.int64)
        self._ends = ends[names.offset : names.offset + len(names) + 1]

    def of(self, rows: Rows) -> list[list[str]]:
        """The ids [Q][k] of rows [Q, k]."""
        text = self._text
        begins, ends = self._ends[rows].tolist(), self._ends[rows + 1].tolist()
        return [
            [str(text[begin:end], "utf-8") for begin, end in zip(*pair, strict=True)]
            for pair in zip(begins, ends, strict=True)
        ]
