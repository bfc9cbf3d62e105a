"""One short text that tells whether two tables hold the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data import Table
from motet.data.casting import is_bytes_type, text_of

WINDOW = 4096  # rows of a column that are cast at a time
SIZE = 16  # bytes


def table_digest(table: Table) -> str:
    """Digest of a table's rows: their number, the names of the columns, and every cell as text, in hexadecimal.

    Equal for equal rows in equal order, whatever the order of the columns, the chunks, and the file format where
    it keeps values as the same text: a CSV calls every empty cell absent, so '' and null are one. Pictures count by
    what the cell holds, a path or bytes; files are not opened. Memory does not grow with the table.
    """
    whole = blake2b(str(len(table)).encode(), digest_size=SIZE)
    for name in sorted(table.columns):
        whole.update(blake2b(name.encode(), digest_size=SIZE).digest())
        whole.update(_column_digest(table.data.column(name), name))
    return whole.hexdigest()


def _column_digest(column: pa.ChunkedArray, name: str) -> bytes:
    """Lengths and contents are two streams, so that it does not matter where a chunk ends."""
    lengths, contents = blake2b(digest_size=SIZE), blake2b(digest_size=SIZE)
    for chunk in column.chunks:
        for begin in range(0, len(chunk), WINDOW):
            for sizes, content in _cells(chunk.slice(begin, WINDOW), name):
                lengths.update(sizes.astype("<i8").tobytes())
                contents.update(content)
    return lengths.digest() + contents.digest()


def _cells(array: pa.Array, name: str) -> Iterator[tuple[npt.NDArray[np.int64], pa.Buffer | bytes]]:
    """Bytes of the cells and how many belong to each; in one piece, or cell by cell where cells may be large."""
    if is_bytes_type(array.type):
        for cell in array:
            content = cell.as_buffer() if cell.is_valid else b""
            yield np.array([len(content)]), content
        return
    if not pa.types.is_nested(array.type):
        try:
            text = text_of(pa.chunked_array([array]), name)[0].chunk(0)
        except pa.ArrowException:
            pass  # a type that Arrow cannot write as text
        else:
            text = text.cast(pa.large_string()).fill_null("")
            offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
            content = text.buffers()[2]
            whole = b"" if content is None else content.slice(offsets[0], offsets[-1] - offsets[0])
            yield np.diff(offsets), whole
            return
    for cell in array:
        content = repr(cell.as_py()).encode("utf-8", "surrogatepass") if cell.is_valid else b""
        yield np.array([len(content)]), content
