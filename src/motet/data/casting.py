"""A column of any type is read as text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt, gather


def text_of(column: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, list[CellIssue]]:
    """Return a column as text, null where absent, and the cells that have none (lists, odd bytes).

    Numbers are written shortest (1.0 is "1"), booleans as "true" and "false".
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column, []
    if is_bytes_type(kind):
        return _decoded(column, name)
    if pa.types.is_nested(kind):
        rows = np.flatnonzero(column.is_valid().to_numpy())[:MAX_LISTED]
        reason = f"a {'list' if 'list' in str(kind) else 'structure'} in a column of text"
        issues = [CellIssue(row, name, reason, excerpt(column[row].as_py())) for row in rows.tolist()]
        return pa.chunked_array([pa.nulls(len(column), pa.string())]), issues
    return column.cast(pa.string()), []


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """White space off both ends of text, and null where nothing is left."""
    stripped = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(stripped, ""), pa.scalar(None, stripped.type), stripped)


def row_ids(table: Table, name: str, rows: npt.NDArray[np.int64] | None = None) -> list[str | int | None]:
    """Return what a column calls the given rows (default: all): whole numbers as they are, all else as text."""
    column = table.column(name)
    if rows is not None:
        column = pa.chunked_array([gather(column, rows)], type=column.type)
    ids: list[str | int | None] = (
        column if pa.types.is_integer(column.type) else text_of(column, name)[0]
    ).to_pylist()
    return ids


def row_names(table: Table, column: str | None) -> list[str | int]:
    """What a column calls each row; the row's number where it is empty, and where there is no such column."""
    if column is None or column not in table.columns:
        return list(range(len(table)))
    return [row if value is None else value for row, value in enumerate(row_ids(table, column))]


def is_text_type(kind: pa.DataType) -> bool:
    """Tell whether cells of this Arrow type are text, or bytes that may be."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or is_bytes_type(kind))


def is_bytes_type(kind: pa.DataType) -> bool:
    """Tell whether cells of this Arrow type are bytes."""
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _decoded(column: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, list[CellIssue]]:
    issues: list[CellIssue] = []
    chunks, start = [], 0
    for chunk in column.chunks:
        try:
            text = chunk.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            values: list[str | None] = []
            for row, value in enumerate(chunk.to_pylist(), start):
                try:
                    values.append(None if value is None else value.decode())
                except UnicodeDecodeError:
                    values.append(None)
                    if len(issues) < MAX_LISTED:
                        reason = "bytes that are not UTF-8 in a column of text"
                        issues.append(CellIssue(row, name, reason, excerpt(value)))
            text = pa.array(values, pa.large_string())
        chunks.append(text)
        start += len(chunk)
    return pa.chunked_array(chunks, type=pa.large_string()), issues


def has_words(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return [N] bool: the text is more than white space (of any script)."""
    # chunk by chunk, so that the trimmed copy of a large column is never whole in memory
    parts = [
        pc.greater(pc.binary_length(pc.utf8_trim_whitespace(chunk)), 0).fill_null(False).to_numpy(False)
        for chunk in column.chunks
    ]
    return np.concatenate(parts) if parts else np.zeros(0, bool)
