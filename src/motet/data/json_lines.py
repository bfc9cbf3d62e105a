"""JSON Lines, and a JSON file that holds one list of objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as pajson

from motet.data.encoding import decode
from motet.data.frames import columns_of_records
from motet.data.repair import column_of_objects
from motet.data.table import CellIssue, excerpt
from motet.data.vector_cells import is_vector_type
from motet.errors import TableError

_ROWS = 20_000  # rows that are Python objects at one time, where the fast reader cannot read the file


def read_json_lines(path: Path) -> tuple[pa.Table, list[str], list[CellIssue]]:
    """Read JSON Lines (or one JSON list of objects); return the table, notes and issues.

    pyarrow reads what is regular; a file that it refuses (mixed types, lone surrogates, repeated names) is
    read a block of lines at a time. Text stays text: nothing becomes a date. Raises TableError with the line.
    """
    notes: list[str] = []
    with path.open("rb") as file:
        head = file.read(64)
    if not head.strip():
        raise TableError(f"{path} is empty")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        table, issues = columns_of_records(_list(path, notes), str(path))
        return table, notes, issues
    try:
        return _fast(path), notes, []
    except (pa.ArrowException, UnicodeDecodeError):
        table, issues = _slow(path, notes)
        return table, notes, issues


def _fast(path: Path) -> pa.Table:
    block = 1 << 24
    size = path.stat().st_size
    while True:
        read = pajson.ReadOptions(block_size=block)
        try:
            with pa.memory_map(str(path)) as source:
                table = pajson.read_json(source, read_options=read)
            dates = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
            if dates:
                fields = [pa.field(f.name, pa.string() if f.name in dates else f.type) for f in table.schema]
                parse = pajson.ParseOptions(explicit_schema=pa.schema(fields))
                with pa.memory_map(str(path)) as source:
                    table = pajson.read_json(source, read_options=read, parse_options=parse)
        except pa.ArrowInvalid as error:
            if "block size" in str(error) and block <= size and block < 1 << 30:
                block *= 8
                continue
            raise
        for column in table.itercolumns():
            if pa.types.is_string(column.type):
                column.validate(full=True)  # the reader takes bytes that are not UTF-8 as they are
        return table


def _list(path: Path, notes: list[str]) -> list[Any]:
    text, note = decode(path.read_bytes())
    if note:
        notes.append(note)
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path} is not JSON: {error}") from None
    if not isinstance(records, list):
        raise TableError(f"{path} must hold one list of objects, or one object a line")
    return records


def _slow(path: Path, notes: list[str]) -> tuple[pa.Table, list[CellIssue]]:
    pieces: list[pa.Table] = []
    issues: list[CellIssue] = []
    start = 0
    for records in _blocks(path, notes):
        table, found = columns_of_records(records, str(path), start)
        pieces.append(table)
        issues += found
        start += len(records)
    if not pieces:
        raise TableError(f"{path} is empty")
    names = list(dict.fromkeys(name for piece in pieces for name in piece.column_names))
    columns = []
    for name in names:
        parts = [
            piece.column(name) if name in piece.column_names else pa.nulls(len(piece)) for piece in pieces
        ]
        types = {part.type for part in parts if not pa.types.is_null(part.type)}
        if len(types) > 1 and any(map(is_vector_type, types)):
            parts, found = _as_vectors(parts, name)
            issues += found
            types = {parts[0].type}
        if len(types) > 1 and types != {pa.int64(), pa.float64()}:
            start = 0
            for number, part in enumerate(parts):
                # text beside numbers: the sentinel makes every block a mixed one
                mixed, found = column_of_objects([*part.to_pylist(), "", 0], name, start)
                parts[number] = mixed[:-2]
                issues += found
                start += len(part)
            types = {pa.string()}
        kind = pa.float64() if len(types) > 1 else types.pop() if types else pa.string()
        columns.append(pa.chunked_array([c for part in parts for c in _chunks(part.cast(kind))], type=kind))
    return pa.table(columns, names=names), issues


def _as_vectors(parts: list[Any], name: str) -> tuple[list[pa.Array], list[CellIssue]]:
    """Blocks of lists of numbers as lists of floats; the cells of blocks that hold anything else are listed."""
    kind = pa.list_(pa.float64())
    made, issues, start = [], [], 0
    for part in parts:
        if is_vector_type(part.type) or pa.types.is_null(part.type):
            made.append(part.cast(kind))
        else:
            reason = "not a list of numbers in a column of vectors"
            issues += [
                CellIssue(row, name, reason, excerpt(value))
                for row, value in enumerate(part.to_pylist(), start)
                if value not in (None, "")
            ]
            made.append(pa.nulls(len(part), kind))
        start += len(part)
    return made, issues


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return list(column.chunks) if isinstance(column, pa.ChunkedArray) else [column]


def _blocks(path: Path, notes: list[str]) -> Iterator[list[Any]]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for _ in lines:
                pass
        source: Any = path.open(encoding="utf-8-sig", newline="\n")
    except UnicodeDecodeError:
        text, note = decode(path.read_bytes())
        notes.append(note)
        source = io.StringIO(text, newline="\n")
    block: list[Any] = []
    with source as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise TableError(f"{path}, line {number}: not JSON ({error})") from None
            if not isinstance(record, dict):
                raise TableError(
                    f"{path}, line {number}: a line must be an object with a value for each column"
                )
            block.append(record)
            if len(block) == _ROWS:
                yield block
                block = []
    if block:
        yield block
