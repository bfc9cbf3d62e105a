"""Paths of the command line that lead nowhere are wrong usage, whatever the command would do with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from motet.errors import TableError, UsageError

# Endings of files that people take for tables; what is in a file with another ending is looked at.
NO_TABLES = {".xlsx", ".xls", ".xlsm", ".ods", ".numbers", ".docx", ".pdf", ".zip", ".gz", ".db", ".sqlite"}


def check_table(table: str) -> None:
    """Raise UsageError, in the reader's words, where there is no file to read, or one that is plainly no table."""
    if _is(Path.is_file, table) and Path(table).suffix.lower() not in NO_TABLES:
        return
    from motet.data import read_table

    try:
        read_table(table)
    except TableError as error:
        raise UsageError(str(error)) from error


def check_model(model: Path) -> None:
    """Raise UsageError where there is no folder that could be a model."""
    if not _is(Path.is_dir, model):
        what = "is a file, not a model directory" if _is(Path.is_file, model) else "no such model directory"
        raise UsageError(f"{model}: {what}")


def check_picture(image: Path) -> None:
    """Raise UsageError where there is no file."""
    if not _is(Path.is_file, image):
        what = "is a folder" if _is(Path.is_dir, image) else "no such file"
        raise UsageError(f"--image {image}: {what}")


def _is(kind: Callable[[Path], bool], path: str | Path) -> bool:
    try:
        return kind(Path(path))
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return False
