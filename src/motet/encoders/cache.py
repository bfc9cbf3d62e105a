"""Features on disk: each cell is encoded once, kept by content and encoder, and read back memory-mapped.

A *shelf* holds the features of one encoder (one fingerprint). It is a folder of *segments*; a segment is one
Arrow IPC file with two columns, `key` (16 bytes, BLAKE2b of the cell's content) and `pooled` (D float16). A
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
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.errors import UsageError

KEY_BYTES = 16
DEFAULT_LIMIT = 20 * 1024**3
FLOAT16_MAX = 65504.0
LABEL = "encoder.txt"  # in the folder of a shelf: name and modality of its encoder
FRAME_BYTES = 1024  # about what a segment's file holds beside its two columns
SMALL_BYTES = 2**20  # a segment below this is small,
SMALL_SEGMENTS = 64  # and more of them on one shelf are merged
ABANDONED_SECONDS = 86400.0  # no writer takes this long over one segment: it was killed

Keys = npt.NDArray[np.uint8]
Half = npt.NDArray[np.float16]


def cache_directory() -> Path:
    """Folder of everything that can be made again: `$MOTET_CACHE`, else `~/.cache/motet`."""
    base = os.environ.get("MOTET_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motet"


@dataclass(frozen=True)
class Segment:
    """One immutable file of a shelf: keys [n, 16] uint8 and pooled [n, D] float16, both memory-mapped."""

    keys: Keys
    pooled: Half


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
    width : D, the number of features of a cell.
    limit : size in bytes above which nothing more is written to disk (rows added are then kept in memory).
    make_room : called with the bytes that are about to be written, so that older shelves can make way.
    """

    def __init__(
        self,
        folder: Path | None,
        width: int,
        *,
        limit: int = DEFAULT_LIMIT,
        make_room: Callable[[int], None] | None = None,
    ) -> None:
        self.folder = folder
        self.width = width
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
            self._small = _merge_small(folder, width)
            self.segments = _read_shelf(folder, width)
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

    def add(self, keys: Keys, pooled: npt.NDArray[np.floating]) -> None:
        """Put keys [n, 16] with pooled [n, D] on the shelf as one segment (float16, clipped to its range)."""
        if len(keys) == 0:
            return
        half = np.clip(pooled, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
        segment = Segment(np.ascontiguousarray(keys), half)
        size = segment.keys.nbytes + half.nbytes + FRAME_BYTES
        if self.folder is not None and _size(self.folder) + size <= self.limit:
            with contextlib.suppress(OSError):
                if self._make_room is not None:
                    self._make_room(size)
                path = _write_segment(self.folder, segment)
                segment = _read_segment(path, self.width) or segment
                self._small += size < SMALL_BYTES
                if self._small > SMALL_SEGMENTS:
                    # On disk alone: places that were found before point into the segments as they were opened.
                    self._small = _merge_small(self.folder, self.width)
        self.segments.append(segment)
        self._index()

    def take(self, places: Places) -> Half:
        """Pooled [N, D] float16 of `places`; rows that are absent are zero."""
        pooled = np.zeros((len(places.segment), self.width), np.float16)
        for number in np.unique(places.segment[places.found]):
            mine = places.segment == number
            pooled[mine] = self.segments[number].pooled[places.row[mine]]
        return pooled

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

    def shelf(self, fingerprint: str, width: int, *, called: tuple[str, str] | None = None) -> Shelf:
        """Open (or begin) the shelf of the encoder with this fingerprint; `called`: its name and modality."""

        def make_room(size: int) -> None:
            self.shrink(keep=fingerprint, room=size)

        make_room(0)
        shelf = Shelf(self.root / fingerprint, width, limit=self.limit, make_room=make_room)
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


def _read_shelf(folder: Path, width: int) -> list[Segment]:
    """Map every segment; where one vanishes meanwhile, merged by another process, look again."""
    for _ in range(3):
        paths = sorted(folder.glob("*.arrow"))
        read = [_read_segment(path, width) for path in paths]
        if all(path.exists() for path in paths):
            break
    return [segment for segment in read if segment is not None]


def _merge_small(folder: Path, width: int) -> int:
    """Make few segments of the small ones where they are many; returns how many small ones there are then.

    One process merges at a time. Where it cannot be done (a full disk, files that may not be removed), all is
    left as it is, and 0 is returned, so that it is not tried again at every turn.
    """
    small = _small_segments(folder)
    if len(small) <= SMALL_SEGMENTS:
        return len(small)
    lock = folder / "merging.unfinished"
    try:
        lock.open("x").close()
    except OSError:
        return 0
    try:
        for start in range(0, len(small), SMALL_SEGMENTS):
            _merge(folder, small[start : start + SMALL_SEGMENTS], width)
    except OSError:
        return 0
    finally:
        lock.unlink(missing_ok=True)
    return len(_small_segments(folder))


def _small_segments(folder: Path) -> list[Path]:
    small = []
    for path in sorted(folder.glob("*.arrow")):
        with contextlib.suppress(OSError):  # another process may remove it meanwhile
            if path.stat().st_size < SMALL_BYTES:
                small.append(path)
    return small


def _merge(folder: Path, paths: list[Path], width: int) -> None:
    read = [(path, _read_segment(path, width)) for path in paths]
    whole = [(path, segment) for path, segment in read if segment is not None]
    if len(whole) < 2:
        return
    keys = np.concatenate([segment.keys for _, segment in whole])
    pooled = np.concatenate([segment.pooled for _, segment in whole])
    _, once = np.unique(keys, axis=0, return_index=True)  # two processes may have encoded the same cell
    merged = _write_segment(folder, Segment(keys[once], pooled[once]))
    if _read_segment(merged, width) is not None:
        for path, _ in whole:
            path.unlink(missing_ok=True)


def _write_segment(folder: Path, segment: Segment) -> Path:
    n, width = segment.pooled.shape
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), n, [None, pa.py_buffer(np.ascontiguousarray(segment.keys))]
    )
    values = pa.Array.from_buffers(
        pa.float16(), n * width, [None, pa.py_buffer(np.ascontiguousarray(segment.pooled))]
    )
    pooled = pa.FixedSizeListArray.from_arrays(values, width)
    batch = pa.record_batch([keys, pooled], names=["key", "pooled"])
    path = folder / f"{uuid.uuid4().hex}.arrow"
    unfinished = path.with_suffix(".unfinished")
    try:
        with pa.OSFile(str(unfinished), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _read_segment(path: Path, width: int) -> Segment | None:
    """Map one segment, or None where the file is damaged or of another width: it is then encoded again."""
    try:
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
            key, pooled = batch.column("key"), batch.column("pooled")
            if key.type != pa.binary(KEY_BYTES) or pooled.type != pa.list_(pa.float16(), width):
                return None
            keys = np.frombuffer(key.buffers()[1], np.uint8).reshape(-1, KEY_BYTES)[: len(batch)]
            values = pooled.values.to_numpy(zero_copy_only=True).reshape(-1, width)
    except (OSError, ValueError, TypeError, LookupError, pa.ArrowException):
        return None
    return Segment(keys, values)
