"""Pictures that whoever calls has chosen: given as bytes, or named by a path from where the program runs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from motet.data.media import read_media
from motet.errors import MediaError, UsageError


def read_picture(image: str | Path | bytes) -> bytes:
    """The bytes of a picture's file; UsageError, which names it, where they cannot be read, or where it is no file."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str | PathLike):
        raise UsageError(
            f"a picture is the path of a file, or a file's bytes, not a {type(image).__name__}: save it first"
        )
    try:
        return read_media(Path(image))
    except MediaError as error:
        raise UsageError(f"picture {image}: {error}") from error
