"""Any table that a user has becomes a `Table`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from motet.data.delimited import read_delimited
from motet.data.frames import (
    columns_of_dataset,
    columns_of_mapping,
    columns_of_pandas,
    columns_of_records,
    is_datasets,
    is_pandas,
    refuse_duplicates,
)
from motet.data.json_lines import read_json_lines
from motet.data.repair import repair_text
from motet.data.table import MAX_LISTED, CellIssue, Table
from motet.errors import TableError, UsageError

FORMATS = "CSV (.csv), TSV (.tsv), JSON Lines (.jsonl), Parquet (.parquet) and Arrow (.arrow, .feather)"
_HEAD = 4096  # bytes that tell text from what is none
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
)
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def read_table(source: Any, *, image_root: str | Path | None = None) -> Table:
    """Read a table from a file or from memory; a `Table` comes back as it is.

    source      path of a CSV, TSV, JSON Lines, Parquet or Arrow file; pandas.DataFrame; datasets.Dataset;
                pyarrow.Table; dictionary of columns; list of dictionaries.
    image_root  folder that picture paths start from; a file's own folder where it is not given.

    In CSV every column is text and only '' is absent. Text that would break what follows is repaired in its
    own cell and listed in `issues`. Raises TableError where the table is missing, empty, damaged or at a web
    address.
    """
    root = _root(image_root)
    if isinstance(source, Table):
        return source if root is None else Table(source.data, root, source.name, source.notes, source.issues)
    notes: list[str] = []
    issues: list[CellIssue] = []
    name = type(source).__name__
    if isinstance(source, str | Path):
        path = _file(source)
        name = path.name
        root = root or path.resolve().parent
        data, notes, issues = _read_file(path)
    elif isinstance(source, pa.Table):
        data = source
    elif isinstance(source, pa.RecordBatch):
        data = pa.Table.from_batches([source])
    elif is_pandas(source):
        data, issues = columns_of_pandas(source)
    elif is_datasets(source):
        data, issues = columns_of_dataset(source)
    elif isinstance(source, Mapping):
        data, issues = columns_of_mapping(source)
    elif isinstance(source, list | tuple):
        data, issues = columns_of_records(source)
    else:
        raise UsageError(
            f"a {type(source).__name__} is not a table; give {FORMATS}, or a DataFrame or Dataset"
        )
    refuse_duplicates(data.column_names, name)
    if data.num_rows == 0 or data.num_columns == 0:
        raise TableError(f"{name} has no rows")
    padded = [column for column in data.column_names if column != column.strip()]
    if padded:
        names = ", ".join(map(repr, padded[:5])) + (" ..." if len(padded) > 5 else "")
        notes.append(f"columns whose names begin or end with a space, which belongs to the name: {names}")
    data, repaired = _plain(data, notes)
    return Table(data, root, name, tuple(notes), tuple(_bounded([*issues, *repaired], notes)))


def _root(image_root: str | Path | None) -> Path | None:
    if image_root is None:
        return None
    root = Path(image_root)
    if not root.is_dir():
        raise UsageError(f"--image-root (in Python image_root=) {image_root} is not a folder")
    return root.resolve()


def _file(source: str | Path) -> Path:
    text = str(source)
    if _ADDRESS.match(text) or re.match(r"^[a-z]{2,}:/[^/]", text):
        raise TableError(f"{text} is a web address: download the table and give the file's path")
    path = Path(source)
    try:
        if path.is_file():
            return path
        what = (
            "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
        )
    except (OSError, ValueError) as error:
        raise TableError(f"{text!r} is not a path: {error}") from None
    raise TableError(f"table {path} {what}")


def _read_file(path: Path) -> tuple[pa.Table, list[str], list[CellIssue]]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if not head:
            raise TableError(f"{path} is empty")
        suffix = path.suffix.lower()
        if head.startswith(b"PAR1"):
            return _read_parquet(path), [], []
        if suffix in (".parquet", ".pq"):
            raise TableError(
                f"{path} does not begin as a Parquet file does: it is damaged, or in another format"
            )
        if head.startswith(b"ARROW1") or suffix in (".arrow", ".feather", ".ipc"):
            return _read_arrow(path), [], []
        if suffix in (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".txt"):
            _refuse_binary(path, head)
        if suffix in (".jsonl", ".ndjson", ".json"):
            return read_json_lines(path)
        if suffix in (".csv", ".tsv", ".tab", ".txt"):
            table, notes = read_delimited(path, "\t" if suffix in (".tsv", ".tab") else ",")
            return table, notes, []
    except PermissionError:
        raise TableError(f"table {path} may not be read: permission denied") from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    raise TableError(f"{path}: {suffix or 'a file without an ending'} is not one of {FORMATS}")


def _refuse_binary(path: Path, head: bytes) -> None:
    """Raise TableError where a file named as text plainly is none, before its bytes are taken for rows."""
    what = next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)
    odd = len(_NO_TEXT.findall(head))
    if what is None and odd > max(16, 0.05 * len(head)) and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "no text (or UTF-16 without its byte-order mark)"
    if what is not None:
        raise TableError(f"{path} is {what}, although its name ends in {path.suffix}: give {FORMATS}")


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(str(path), memory_map=True)


def _read_arrow(path: Path) -> pa.Table:
    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_stream(source).read_all()


def _plain(data: pa.Table, notes: list[str]) -> tuple[pa.Table, list[CellIssue]]:
    """Take dictionaries, extensions and views off the columns, and repair their text."""
    columns, issues = [], []
    for name, column in zip(data.column_names, data.columns, strict=True):
        if isinstance(column.type, pa.BaseExtensionType):
            column = pa.chunked_array(
                [chunk.storage for chunk in column.chunks], type=column.type.storage_type
            )
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_run_end_encoded(column.type):
            column = pc.run_end_decode(column)
        if pa.types.is_null(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_binary_view(column.type):
            column = column.cast(pa.large_binary())
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column, found, count = repair_text(column, name)
            issues += found
            if count > len(found):
                notes.append(f"column {name!r}: control characters in {count} cells became spaces")
        elif pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        columns.append(column)
    return pa.table(columns, names=data.column_names), issues


def _bounded(issues: list[CellIssue], notes: list[str]) -> list[CellIssue]:
    counts = Counter((issue.column, issue.reason) for issue in issues)
    for (column, reason), count in counts.items():
        if count > MAX_LISTED:
            notes.append(f"column {column!r}: {reason} in {count} cells; the first {MAX_LISTED} are listed")
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for issue in issues:
        seen[issue.column, issue.reason] += 1
        if seen[issue.column, issue.reason] <= MAX_LISTED:
            kept.append(issue)
    return kept
