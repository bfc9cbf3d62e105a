"""Paths of the command line that lead nowhere are wrong usage, whatever the command would do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from motet.errors import MediaError, TableError, UsageError

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


def check_decoder(decoder: Path | None, lora: int | None) -> None:
    """Raise UsageError where no folder could hold the language model, or none is named that --lora changes."""
    if decoder is None and lora is not None:
        raise UsageError("--lora changes the attention of a language model: name one with --decoder")
    if lora is not None and lora < 0:
        raise UsageError(f"--lora: a rank is 0 or more, not {lora}")
    if decoder is not None and not _is(Path.is_dir, decoder.expanduser()):
        what = (
            "is a file, not a directory" if _is(Path.is_file, decoder.expanduser()) else "no such directory"
        )
        raise UsageError(f"--decoder {decoder}: {what}; name that of a language model, as GPT-2's")


def check_picture(image: Path) -> None:
    """Raise UsageError where there is no file."""
    if not _is(Path.is_file, image):
        what = "is a folder" if _is(Path.is_dir, image) else "no such file"
        raise UsageError(f"--image {image}: {what}")


def check_pictures(images: Sequence[Path]) -> None:
    """Raise UsageError where none of them is a file: of several, those that are there can be described."""
    if not any(_is(Path.is_file, image) for image in images):
        check_picture(images[0])


def read_pictures(images: Sequence[Path]) -> tuple[list[bytes | None], list[str | None]]:
    """The files of pictures, None for one that cannot be decoded; and what is wrong with each, None for nothing."""
    from motet.data.media import decode_image, read_media

    files: list[bytes | None] = []
    issues: list[str | None] = []
    for image in images:
        try:
            data = read_media(image)
            decode_image(data)
        except MediaError as error:
            files.append(None)
            issues.append(str(error))
        else:
            files.append(data)
            issues.append(None)
    return files, issues


def is_folder(path: str) -> bool:
    """Whether a folder stands there; False for what no path can be."""
    return _is(Path.is_dir, path)


def _is(kind: Callable[[Path], bool], path: str | Path) -> bool:
    try:
        return kind(Path(path))
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return False
