"""One writer at a time: a lock on a file, which the system frees when its holder ends, also when it is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motet.errors import SearchError

LOCK = "writing.lock"


@contextmanager
def only_writer(place: Path) -> Iterator[None]:
    """Hold the lock of an index; SearchError at once where another process holds it."""
    try:
        file = os.open(place / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SearchError(f"{place}: cannot be written: {error.strerror or error}") from error
    try:
        try:
            _lock(file)
        except OSError as error:
            raise SearchError(f"{place}: another process writes to this index: try again later") from error
        yield
    finally:
        os.close(file)


def _lock(file: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
