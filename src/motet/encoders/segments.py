"""A segment of a shelf: one immutable Arrow IPC file with the keys of cells and what an encoder made of them.

Pooled features are a column `pooled` of D float16 a cell; tokens a column `tokens` of any number of positions a cell,
D float16 each. Both are read memory-mapped.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

KEY_BYTES = 16
SMALL_BYTES = 2**20  # a segment below this is small,
SMALL_SEGMENTS = 64  # and more of them on one shelf are merged

Keys = npt.NDArray[np.uint8]
Half = npt.NDArray[np.float16]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Segment:
    """One immutable file of a shelf: keys [n, 16] uint8 and values [P, D] float16, both memory-mapped.

    start : [n + 1], cell i has the positions start[i] to start[i + 1]; None where each cell has one (pooled).
    """

    keys: Keys
    values: Half
    start: Numbers | None = None

    def cell(self, row: int) -> Half:
        """The positions [T, D] of one cell."""
        begin, end = (row, row + 1) if self.start is None else self.start[row : row + 2]
        return self.values[begin:end]

    def take(self, rows: Numbers) -> Segment:
        """Some of the cells, copied."""
        if self.start is None:
            return Segment(self.keys[rows], self.values[rows])
        counts = np.diff(self.start)[rows]
        values = self.values[ranges(self.start[:-1][rows], counts)]
        return Segment(self.keys[rows], values, np.concatenate([[0], np.cumsum(counts)]))


def ranges(start: Numbers, counts: Numbers) -> Numbers:
    """start[0], start[0] + 1, ..., counts[0] numbers, then those of start[1], and so on."""
    ends = np.cumsum(counts)
    inside = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    places: Numbers = np.repeat(start, counts) + inside
    return places


def write_segment(folder: Path, segment: Segment) -> Path:
    """Write a segment beside its place and rename it into it; returns its path. Raises OSError."""
    n, width = len(segment.keys), segment.values.shape[1]
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), n, [None, pa.py_buffer(np.ascontiguousarray(segment.keys))]
    )
    flat = pa.Array.from_buffers(
        pa.float16(), segment.values.size, [None, pa.py_buffer(np.ascontiguousarray(segment.values))]
    )
    values, name = pa.FixedSizeListArray.from_arrays(flat, width), "pooled"
    if segment.start is not None:
        values, name = pa.LargeListArray.from_arrays(segment.start, values), "tokens"
    batch = pa.record_batch([keys, values], names=["key", name])
    path = folder / f"{uuid.uuid4().hex}.arrow"
    unfinished = path.with_suffix(".unfinished")
    try:
        with pa.OSFile(str(unfinished), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def read_segment(path: Path, width: int, *, tokens: bool = False) -> Segment | None:
    """Map one segment, or None where the file is damaged or of another width: it is then encoded again."""
    try:
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
            key, values = batch.column("key"), batch.column("tokens" if tokens else "pooled")
            one = pa.list_(pa.float16(), width)
            if key.type != pa.binary(KEY_BYTES) or values.type != (pa.large_list(one) if tokens else one):
                return None
            keys = np.frombuffer(key.buffers()[1], np.uint8).reshape(-1, KEY_BYTES)[: len(batch)]
            start = values.offsets.to_numpy(zero_copy_only=True) if tokens else None
            inner = values.values if tokens else values
            read = inner.values.to_numpy(zero_copy_only=True).reshape(-1, width)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, pa.ArrowException):
        return None
    if start is not None and (start[0] != 0 or start[-1] != len(read) or (np.diff(start) < 0).any()):
        return None
    return Segment(keys, read, start)


def merge_segments(folder: Path, width: int, *, tokens: bool = False) -> int:
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
            _merge(folder, small[start : start + SMALL_SEGMENTS], width, tokens)
    except OSError:
        return 0
    finally:
        lock.unlink(missing_ok=True)
    return len(_small_segments(folder))


def _small_segments(folder: Path) -> list[Path]:
    small = []
    for path in sorted(folder.glob("*.arrow")):
        try:
            if path.stat().st_size < SMALL_BYTES:
                small.append(path)
        except OSError:  # another process may remove it meanwhile
            continue
    return small


def _merge(folder: Path, paths: list[Path], width: int, tokens: bool) -> None:
    read = [(path, read_segment(path, width, tokens=tokens)) for path in paths]
    whole = [(path, segment) for path, segment in read if segment is not None]
    if len(whole) < 2:
        return
    joined = _joined([segment for _, segment in whole])
    _, once = np.unique(
        joined.keys, axis=0, return_index=True
    )  # two processes may have encoded the same cell
    merged = write_segment(folder, joined.take(once))
    if read_segment(merged, width, tokens=tokens) is not None:
        for path, _ in whole:
            path.unlink(missing_ok=True)


def _joined(segments: Sequence[Segment]) -> Segment:
    keys = np.concatenate([segment.keys for segment in segments])
    values = np.concatenate([segment.values for segment in segments])
    counts = [np.diff(segment.start) for segment in segments if segment.start is not None]
    start = np.concatenate([[0], np.cumsum(np.concatenate(counts))]) if counts else None
    return Segment(keys, values, start)
