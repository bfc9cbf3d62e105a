"""CSV and TSV files, every column as text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from motet.data.encoding import BOMS, decode
from motet.errors import TableError

_FIRST_BLOCK = 1 << 22
_LARGEST_BLOCK = (1 << 31) - 1


def read_delimited(path: Path, delimiter: str) -> tuple[pa.Table, list[str]]:
    """Read a CSV or TSV file: only '' is null, values may hold line ends; return the table and notes.

    Raises TableError for an empty file, a header alone, duplicated names, and (with the line) rows of another
    length.
    """
    notes: list[str] = []
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise TableError(f"{path} is empty")
    raw: bytes | None = None
    if head.startswith(tuple(mark for mark, name in BOMS if name != "utf-8")):
        raw = _transcode(path, notes)
    names = _header(path, raw, delimiter)
    if raw is None and any("\udc80" <= character <= "\udcff" for name in names for character in name):
        raw = _transcode(path, notes)
        names = _header(path, raw, delimiter)
    if len(names) == 1 and delimiter == ",":
        other = next((mark for mark in ("\t", ";") if mark in names[0]), None)
        if other:
            delimiter, names = other, _header(path, raw, other)
            notes.append(f"columns are separated by {'tabs' if other == chr(9) else 'semicolons'}")
    _refuse_duplicates(names, path)
    try:
        table = _read(path, raw, delimiter, names)
    except pa.ArrowInvalid as error:
        if raw is not None or "invalid UTF8" not in str(error):
            raise
        raw = _transcode(path, notes)
        table = _read(path, raw, delimiter, names)
    if table.num_rows == 0:
        raise TableError(f"{path} has a header and no rows")
    _refuse_open_quote(table, path, raw)
    return table.rename_columns([name or f"unnamed_{i}" for i, name in enumerate(names)]), notes


def _transcode(path: Path, notes: list[str]) -> bytes:
    text, note = decode(path.read_bytes())
    if note:
        notes.append(note)
    return text.encode()


def _lines(path: Path, raw: bytes | None) -> io.TextIOWrapper:
    file = path.open("rb") if raw is None else io.BytesIO(raw)
    return io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")


def _header(path: Path, raw: bytes | None, delimiter: str) -> list[str]:
    with _lines(path, raw) as lines:
        try:
            return next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
        except csv.Error as error:
            raise TableError(f"{path}, line 1: the header cannot be read ({error})") from None


def _refuse_duplicates(names: list[str], path: Path) -> None:
    if not names:
        raise TableError(f"{path} is empty")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise TableError(
            f"{path}: column names must differ; given more than once: {', '.join(map(repr, repeated))}"
        )


def _read(path: Path, raw: bytes | None, delimiter: str, names: list[str]) -> pa.Table:
    size = path.stat().st_size if raw is None else len(raw)
    parse = pacsv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
    )
    convert = pacsv.ConvertOptions(
        column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
    )
    block = _FIRST_BLOCK
    while True:
        source = pa.memory_map(str(path)) if raw is None else pa.BufferReader(raw)
        try:
            with source:
                read = pacsv.ReadOptions(block_size=block)
                return pacsv.read_csv(source, read_options=read, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            reason = str(error)
            # one cell may be larger than a block
            if "block size" in reason and block <= size and block < _LARGEST_BLOCK:
                block = min(block * 8, _LARGEST_BLOCK)
                continue
            if "columns, got" in reason:
                raise _ragged(path, raw, delimiter, len(names)) from None
            if "invalid UTF8" in reason:
                raise
            raise TableError(f"{path} cannot be read: {reason}") from None


def _ragged(path: Path, raw: bytes | None, delimiter: str, expected: int) -> TableError:
    """Find the first row of another length with the slow reader, which knows lines."""
    limit = csv.field_size_limit(_LARGEST_BLOCK)
    try:
        with _lines(path, raw) as lines:
            reader = csv.reader(lines, delimiter=delimiter)
            before = 0
            for row in reader:
                if row and len(row) != expected:
                    return TableError(
                        f"{path}, line {before + 1}: {len(row)} cells where the header has {expected}; "
                        "a cell that holds the separator or a line end must stand in double quotes, "
                        "and a quote that opens must close"
                    )
                before = reader.line_num
    except csv.Error:
        pass
    finally:
        csv.field_size_limit(limit)
    return TableError(f"{path}: a row has another number of cells than the header's {expected}")


def _refuse_open_quote(table: pa.Table, path: Path, raw: bytes | None) -> None:
    """A quote that never closes swallows every row after it; it can only end in the very last cell."""
    last = table.column(table.num_columns - 1)[-1].as_py()
    if last is None or "\n" not in last:
        return
    if raw is None:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64))
            tail = file.read()
    else:
        tail = raw[-64:]
    if not tail.rstrip().endswith(b'"'):
        raise TableError(
            f"{path}: a double quote that opens in row {table.num_rows - 1} ({last[:40]!r}) never closes, so "
            "that all lines after it became one cell; close it, or double it where it is meant as text"
        )
