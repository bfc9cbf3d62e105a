"""Features on disk: each cell is encoded once, kept by content and encoder, and read back memory-mapped.

A *shelf* holds the features of one encoder (one fingerprint), or its tokens. It is a folder of *segments*
(`segments.py`); a segment is one Arrow IPC file of keys (16 bytes, BLAKE2b of the cell's content) and values. A
segment is written beside its place and renamed into it, and is never changed afterwards: a kill at any moment
loses at most the rows that were not yet in a segment, and any number of processes may read and write at once.

Many small segments (of runs on a few rows each) are merged into one: the new one is renamed into its place before
the old ones are removed. A kill between the two leaves cells twice, which changes nothing; whoever has mapped an
old one goes on reading it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.encoders import segments
from motet.encoders.segments import Half, Keys, Segment, merge_segments, read_segment, write_segment
from motet.errors import UsageError

DEFAULT_LIMIT = 20 * 1024**3
FLOAT16_MAX = 65504.0
LABEL = "encoder.txt"  # in the folder of a shelf: name and modality of its encoder
FRAME_BYTES = 1024  # about what a segment's file holds beside its two columns
ABANDONED_SECONDS = 86400.0  # no writer takes this long over one segment: it was killed


def cache_directory() -> Path:
    """Folder of everything that can be made again: `$MOTET_CACHE`, else `~/.cache/motet`."""
    base = os.environ.get("MOTET_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motet"


@dataclass(frozen=True)
class Places:
    """Where N cells lie on a shelf: segment [N] int32 (-1 where absent) and row [N] int64 inside it."""

    segment: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """[N] bool: the cell is on the shelf."""
        return self.segment >= 0


class Shelf:
    """The features of one encoder; `find` says what is there, `add` puts more, `take` reads.

    Parameters
    ----------
    folder : where its segments lie; None keeps them in memory only.
    width : D, the number of features of a cell, or of each of its positions.
    tokens : cells have any number of positions; else one, their pooled features.
    limit : size in bytes above which nothing more is written to disk (rows added are then kept in memory).
    make_room : called with the bytes that are about to be written, so that older shelves can make way.
    """

    def __init__(
        self,
        folder: Path | None,
        width: int,
        *,
        tokens: bool = False,
        limit: int = DEFAULT_LIMIT,
        make_room: Callable[[int], None] | None = None,
    ) -> None:
        self.folder = folder
        self.width = width
        self.tokens = tokens
        self.limit = limit
        self.segments: list[Segment] = []
        self._make_room = make_room
        self._small = 0  # segments on disk that are small
        if folder is not None:
            # A cache that cannot be written (disk full, read-only) costs time, never an answer.
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                os.utime(folder)  # what was used last is removed last
                _sweep(folder)
            self._small = merge_segments(folder, width, tokens=tokens)
            self.segments = _read_shelf(folder, width, tokens)
        self._index()

    def __len__(self) -> int:
        return len(self._prefix)

    def find(self, keys: Keys) -> Places:
        """Look up keys [N, 16] uint8; absent ones get segment -1."""
        places = Places(np.full(len(keys), -1, np.int32), np.zeros(len(keys), np.int64))
        if len(self) == 0 or len(keys) == 0:
            return places
        wanted = _prefixes(keys)
        at = np.searchsorted(self._prefix, wanted)
        asked = np.arange(len(keys))
        # Keys may share their first eight bytes: only the whole key decides, so every such place is tried.
        while len(asked):
            near = self._prefix[np.minimum(at, len(self) - 1)] == wanted[asked]
            asked, at = asked[near & (at < len(self))], at[near & (at < len(self))]
            same = self._holds(at, keys[asked])
            places.segment[asked[same]] = self._segment[at[same]]
            places.row[asked[same]] = self._row[at[same]]
            asked, at = asked[~same], at[~same] + 1
        return places

    def add(self, keys: Keys, cells: Sequence[npt.NDArray[np.floating]]) -> None:
        """Put keys [n, 16] with their cells on the shelf as one segment (float16, clipped to its range).

        cells : n of pooled [D] (one array [n, D] will do), or, on a shelf of tokens, of [T, D], each with its own T.
        """
        if len(keys) == 0:
            return
        start = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])]) if self.tokens else None
        values = np.concatenate(cells) if self.tokens else np.asarray(cells)
        half = np.clip(values, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        segment = Segment(np.ascontiguousarray(keys), half, start)
        size = segment.keys.nbytes + half.nbytes + (0 if start is None else start.nbytes) + FRAME_BYTES
        if self.folder is not None and _size(self.folder) + size <= self.limit:
            with contextlib.suppress(OSError):
                if self._make_room is not None:
                    self._make_room(size)
                path = write_segment(self.folder, segment)
                segment = read_segment(path, self.width, tokens=self.tokens) or segment
                self._small += size < segments.SMALL_BYTES
                if self._small > segments.SMALL_SEGMENTS:
                    # On disk alone: places that were found before point into the segments as they were opened.
                    self._small = merge_segments(self.folder, self.width, tokens=self.tokens)
        self.segments.append(segment)
        self._index()

    def take(self, places: Places) -> Half:
        """Pooled [N, D] float16 of `places`; rows that are absent are zero."""
        pooled = np.zeros((len(places.segment), self.width), np.float16)
        for number in np.unique(places.segment[places.found]):
            mine = places.segment == number
            pooled[mine] = self.segments[number].values[places.row[mine]]
        return pooled

    def take_tokens(self, places: Places) -> list[Half]:
        """Positions [T, D] float16 of each of `places`, not copied; none of what is absent."""
        none = np.zeros((0, self.width), np.float16)
        return [
            self.segments[segment].cell(row) if segment >= 0 else none
            for segment, row in zip(places.segment.tolist(), places.row.tolist(), strict=True)
        ]

    def _holds(self, at: npt.NDArray[np.int64], keys: Keys) -> npt.NDArray[np.bool_]:
        """[n] bool: the place `at` [n] of the index has exactly this key [n, 16]."""
        same = np.zeros(len(at), bool)
        segment = self._segment[at]
        for number in np.unique(segment):
            mine = segment == number
            same[mine] = (self.segments[number].keys[self._row[at[mine]]] == keys[mine]).all(axis=1)
        return same

    def _index(self) -> None:
        keys = [_prefixes(segment.keys) for segment in self.segments]
        sizes = [len(k) for k in keys]
        prefix = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
        order = np.argsort(prefix, kind="stable")
        self._prefix = prefix[order]
        self._segment = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
        self._row = np.concatenate([np.arange(n) for n in sizes] or [np.zeros(0, np.int64)])[order]


class FeatureCache:
    """All shelves under one folder, bounded in size: the shelf that was used longest ago goes first."""

    def __init__(self, root: Path | None = None, *, limit: int | None = None) -> None:
        self.root = root if root is not None else cache_directory() / "features"
        self.limit = limit if limit is not None else _limit_of_environment()

    def shelf(
        self,
        fingerprint: str,
        width: int,
        *,
        tokens: bool = False,
        called: tuple[str, str] | None = None,
    ) -> Shelf:
        """Open (or begin) the shelf with this fingerprint; `called`: name and modality of its encoder."""

        def make_room(size: int) -> None:
            self.shrink(keep=fingerprint, room=size)

        make_room(0)
        shelf = Shelf(self.root / fingerprint, width, tokens=tokens, limit=self.limit, make_room=make_room)
        label = self.root / fingerprint / LABEL
        if called is not None and not label.exists():
            with contextlib.suppress(OSError):
                label.write_text("\n".join(called), encoding="utf-8")
        return shelf

    def names(self) -> dict[str, tuple[str, str]]:
        """Name and modality of the encoder of each shelf by fingerprint, where they are known."""
        found = {}
        for label in self.root.glob(f"*/{LABEL}"):
            with contextlib.suppress(OSError, UnicodeDecodeError):  # another process may remove it meanwhile
                name, _, modality = label.read_text(encoding="utf-8").partition("\n")
                found[label.parent.name] = (name, modality)
        return found

    def sizes(self) -> dict[str, int]:
        """Bytes of each shelf by fingerprint, the one used last first."""
        used: dict[Path, float] = {}
        with contextlib.suppress(OSError):
            for folder in self.root.iterdir():
                with contextlib.suppress(OSError):  # another process may remove it meanwhile
                    if folder.is_dir():
                        used[folder] = folder.stat().st_mtime
        return {folder.name: _size(folder) for folder in sorted(used, key=lambda f: used[f], reverse=True)}

    def shrink(self, *, keep: str | None = None, room: int = 0) -> None:
        """Remove the shelves used longest ago until `room` more bytes fit `limit`, but never `keep`."""
        sizes = self.sizes()
        total = sum(sizes.values()) + room
        for name in reversed(list(sizes)):
            if total <= self.limit:
                return
            if name != keep:
                shutil.rmtree(self.root / name, ignore_errors=True)
                total -= sizes[name]

    def clear(self) -> int:
        """Remove every shelf; returns the bytes freed."""
        freed = sum(self.sizes().values())
        shutil.rmtree(self.root, ignore_errors=True)
        return freed


def _limit_of_environment() -> int:
    said = os.environ.get("MOTET_CACHE_BYTES", "").strip()
    if said and not said.isdecimal():
        raise UsageError(f"MOTET_CACHE_BYTES is a number of bytes, such as {DEFAULT_LIMIT}, not {said!r}")
    return int(said) if said else DEFAULT_LIMIT


def _prefixes(keys: Keys) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64).reshape(-1)


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".arrow", ".unfinished")):
                with contextlib.suppress(OSError):  # another process may remove it meanwhile
                    total += entry.stat().st_size
    return total


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left; a young file may still be written by another process."""
    for path in folder.glob("*.unfinished"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def _read_shelf(folder: Path, width: int, tokens: bool) -> list[Segment]:
    """Map every segment; where one vanishes meanwhile, merged by another process, look again."""
    for _ in range(3):
        paths = sorted(folder.glob("*.arrow"))
        read = [read_segment(path, width, tokens=tokens) for path in paths]
        if all(path.exists() for path in paths):
            break
    return [segment for segment in read if segment is not None]
