"""Text that would break what comes after it is repaired in its own cell, and listed."""

from __future__ import annotations

import datetime
import decimal
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.table import MAX_LISTED, CellIssue, excerpt

CONTROL = "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\\x00]"
_IS_CONTROL = np.zeros(256, bool)
_IS_CONTROL[:32] = True
_IS_CONTROL[[9, 10, 13]] = False
_IS_CONTROL[127] = True


def repair_text(column: pa.ChunkedArray, name: str) -> tuple[pa.ChunkedArray, list[CellIssue], int]:
    """Replace control characters other than tab and line ends by spaces; return column, issues, their count.

    Clean chunks are looked at as one array of bytes and handed back as they are.
    """
    chunks, issues, count, start = [], [], 0, 0
    for chunk in column.chunks:
        if _has_control(chunk):
            rows = np.flatnonzero(pc.match_substring_regex(chunk, CONTROL).fill_null(False).to_numpy(False))
            fixed = pc.replace_substring_regex(chunk, CONTROL, " ")
            for row in rows[: max(0, MAX_LISTED - count)].tolist():
                reason = "control characters became spaces"
                issues.append(CellIssue(start + row, name, reason, excerpt(fixed[row].as_py()), broken=False))
            count += len(rows)
            chunk = fixed
        chunks.append(chunk)
        start += len(chunk)
    return pa.chunked_array(chunks, type=column.type), issues, count


def _has_control(chunk: pa.Array) -> bool:
    if len(chunk) == 0 or chunk.buffers()[2] is None:
        return False
    wide = pa.types.is_large_string(chunk.type)
    offsets = np.frombuffer(chunk.buffers()[1], np.int64 if wide else np.int32)
    first, last = int(offsets[chunk.offset]), int(offsets[chunk.offset + len(chunk)])
    data = np.frombuffer(chunk.buffers()[2], np.uint8)[first:last]
    step = 1 << 22  # bounds the temporary array, and stops at the first find
    return any(_IS_CONTROL[data[at : at + step]].any() for at in range(0, len(data), step))


def column_of_objects(
    values: Sequence[Any], name: str, first_row: int = 0
) -> tuple[pa.Array, list[CellIssue]]:
    """Turn a column of any Python values into Arrow; what cannot be told is listed and becomes absent.

    Values of one type keep it. In a mixed column numbers and booleans become their text, bytes are decoded as
    UTF-8, and lists and dictionaries are listed. Lone surrogates become U+FFFD.
    """
    try:
        array = pa.array(values, from_pandas=True)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if not (pa.types.is_binary(array.type) and any(isinstance(value, str) for value in values)):
            return array, []
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # UnicodeEncodeError is a ValueError
        pass
    pictures = _pictures(values)
    if pictures is not None:
        return pictures, []
    vectors = _vectors(values, name, first_row)
    if vectors is not None:
        return vectors
    issues: list[CellIssue] = []
    texts: list[str | None] = []
    for row, value in enumerate(values, first_row):
        text, reason = _as_text(value)
        texts.append(text)
        if reason:
            shown = excerpt(text if text is not None else value)
            issues.append(CellIssue(row, name, reason, shown, broken=text is None))
    return pa.array(texts, pa.string()), issues


def _pictures(values: Sequence[Any]) -> pa.Array | None:
    """Pictures as {"bytes", "path"} and None only: the form that a `datasets` Image column has."""
    rows: list[dict[str, Any] | None] = []
    for value in values:
        if value is None or _is_null(value):
            rows.append(None)
        elif isinstance(value, Mapping) and value and set(value) <= {"bytes", "path"}:
            rows.append({"bytes": value.get("bytes"), "path": value.get("path")})
        else:
            return None
    if not any(rows):
        return None
    try:
        return pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    except (pa.ArrowException, TypeError, ValueError):
        return None


def _vectors(values: Sequence[Any], name: str, first_row: int) -> tuple[pa.Array, list[CellIssue]] | None:
    """Lists or arrays of numbers with some other values among them, which are listed; None where most are others."""
    filled = [row for row, value in enumerate(values) if not _is_null(value) and not _is_empty(value)]
    lists = {row for row in filled if _is_vector(values[row])}
    if not lists or 2 * len(lists) <= len(filled):
        return None
    rows = [[float(number) for number in values[row]] if row in lists else None for row in range(len(values))]
    issues = [
        CellIssue(first_row + row, name, "not a list of numbers in a column of vectors", excerpt(values[row]))
        for row in filled
        if row not in lists
    ]
    return pa.array(rows, pa.list_(pa.float64())), issues


def _is_vector(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "fiu"
    return isinstance(value, list | tuple) and all(
        isinstance(number, int | float | np.number) and not isinstance(number, bool) and _fits(number)
        for number in value
    )


def _fits(number: Any) -> bool:
    """A whole number of hundreds of digits has no float."""
    return not isinstance(number, int) or abs(number) < 2**1000


def _is_empty(value: Any) -> bool:
    return isinstance(value, str | bytes | list | tuple | np.ndarray) and len(value) == 0


def _is_null(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float | np.floating) and bool(value != value))
    )


def _as_text(value: Any) -> tuple[str | None, str]:
    """Return the text of one value of a mixed column (None where absent) and the issue, or ""."""
    if isinstance(value, np.generic):
        value = value.item()
    if _is_null(value):
        return None, ""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            # pairs that stand together are one character; only lone ones are lost
            fixed = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return fixed, "half a character (lone surrogate) became U+FFFD"
        return str(value), ""
    if isinstance(value, bool):
        return ("true" if value else "false"), ""
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode(), ""
        except UnicodeDecodeError:
            return None, "bytes that are not UTF-8 in a column of text"
    if isinstance(value, float):
        return (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)), ""
    if isinstance(value, int | decimal.Decimal):
        try:
            return str(value), ""
        except ValueError:
            return None, "a number of thousands of digits"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat(), ""
    if isinstance(value, os.PathLike):
        return os.fspath(value), ""
    return None, f"a value of type {type(value).__name__} in a column of text"
