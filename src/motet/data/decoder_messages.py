"""What the MP3 decoder prints about damaged files goes nowhere: the cell is listed with its reason in our own words."""

from __future__ import annotations

import os
from threading import Lock


class _Dropped:
    """File descriptor 2 leads nowhere while any thread is inside."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._stderr: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._stderr = _turned_off(2)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._stderr is not None:
                os.dup2(self._stderr, 2)
                os.close(self._stderr)
                self._stderr = None


def _turned_off(descriptor: int) -> int | None:
    """A copy of a descriptor that now leads nowhere; None where there is none, or no room for a copy."""
    try:
        kept = os.dup(descriptor)
    except OSError:
        return None
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    except OSError:
        os.close(kept)
        return None
    return kept


decoder_messages_dropped = _Dropped()
"""Drops what is written to descriptor 2 while a block runs, in any number of threads at once.

libmpg123 prints there, and libsndfile, which calls it, has no switch against that. Lines that other threads write in
these milliseconds are dropped as well; a progress bar has a descriptor of its own.
"""
