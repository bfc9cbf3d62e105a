"""Cells are encoded once: look each one up in the cache by its content, encode only what is not there.

All of them end with every cell on the encoder's shelf and return rows that point to it. They work in
windows, so that a million rows never stand in memory as pictures, sounds or sentences, and of the files that are
read ahead no more than HELD_BYTES. An error or Ctrl-C loses nothing that was encoded, a kill at most one
window of texts or one segment of pictures or sounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.data import AudioCells, CellIssue, ImageCells, MediaCell, MediaCells, TextCells
from motet.data.processors import processors
from motet.data.sounds import MAX_SECONDS, Sound, decode_sound, unread_part
from motet.encoders.features import FeatureTable
from motet.encoders.kept import Cell, Kept
from motet.encoders.segments import KEY_BYTES
from motet.errors import EncoderError, MediaError
from motet.progress import progress

Rows = npt.NDArray[np.int64]
Arrays = npt.NDArray[np.float32]
EncodeBatches = Callable[[Iterator[Arrays]], Iterator[Iterable[Cell]]]
Prepare = Callable[[MediaCell, bytes], Arrays]
TEXT_WINDOW = 8192
MEDIA_WINDOW = 64
HELD_BYTES = 64 * 2**20  # of files that wait to be decoded


def encode_texts(
    cells: TextCells,
    rows: Rows,
    encode: Callable[[Sequence[str]], Iterator[tuple[Rows, Iterable[Cell]]]],
    kept: Kept[Cell],
    description: str,
) -> FeatureTable:
    """Features of the text of each row.

    `encode` takes n sentences and yields (positions [b], features of b cells) in any order, each position once.
    """
    present = cells.present[rows]
    keys = np.zeros((len(rows), KEY_BYTES), np.uint8)
    full = np.flatnonzero(present)
    for window in _windows(full, TEXT_WINDOW * 8):
        keys[window] = cells.digests(rows[window])
    _, first = np.unique(keys[full], axis=0, return_index=True) if len(full) else (None, full)
    todo = full[np.sort(first)]
    todo = todo[~kept.has(keys[todo])]
    with progress(description, len(todo)) as advance:
        for window in _windows(todo, min(TEXT_WINDOW, 2 * kept.most)):
            made: dict[int, Cell] = {}
            try:
                for positions, values in encode(cells.take(rows[window])):
                    made.update(zip(positions.tolist(), values, strict=True))
                    advance(len(positions))
            finally:
                kept.add(keys[window[list(made)]], list(made.values()))
            if len(made) < len(window):
                left_out = f"{len(window) - len(made)} of {len(window)} texts"
                raise EncoderError(f"{description}: no features came back for {left_out}")
    return kept.table(keys[full], present.astype(np.int64))


def encode_images(
    cells: ImageCells,
    rows: Rows,
    prepare: Callable[[Image.Image], npt.NDArray[np.float32]],
    encode: EncodeBatches[Cell],
    kept: Kept[Cell],
    description: str,
    *,
    batch_size: int = 32,
) -> FeatureTable:
    """Features of the pictures of each row: the mean over those of its pictures that can be decoded.

    `prepare` makes an array of one RGB picture (run in threads); `encode` takes batches [b, ...] of them and
    yields the features of each batch, in order: it may take some batches ahead. A row none of whose pictures can be
    decoded is absent, each such cell is an issue.
    """
    return _encode_media(
        cells,
        rows,
        lambda cell, data: prepare(cell.picture(data)),
        encode,
        kept,
        description,
        batch_size,
        None,
    )


def encode_sounds(
    cells: AudioCells,
    rows: Rows,
    prepare: Callable[[Sound], npt.NDArray[np.float32]],
    encode: EncodeBatches[Cell],
    kept: Kept[Cell],
    description: str,
    *,
    batch_size: int = 32,
    seconds: float = MAX_SECONDS,
) -> FeatureTable:
    """Features of the sounds of each row, as `encode_images` makes them of pictures.

    With a batch of 1 the arrays may differ in shape. seconds : of a sound that `prepare` looks at: no more is decoded.
    A sound that is longer than what is read of any is an issue, and is not broken.
    """
    return _encode_media(
        cells,
        rows,
        lambda _, data: prepare(decode_sound(data, seconds)),
        encode,
        kept,
        description,
        batch_size,
        unread_part,
    )


def _encode_media(
    cells: MediaCells,
    rows: Rows,
    prepare: Prepare,
    encode: EncodeBatches[Cell],
    kept: Kept[Cell],
    description: str,
    batch_size: int,
    said: Callable[[bytes], str] | None,
) -> FeatureTable:
    keys: list[bytes] = []
    counts = np.zeros(len(rows), np.int64)
    issues: list[CellIssue] = []
    with (
        ThreadPoolExecutor(processors()) as pool,
        progress(description, len(rows)) as advance,
        _Pending(kept, batch_size) as pending,
    ):

        def batches() -> Iterator[Arrays]:
            """Arrays of new pictures or sounds; meanwhile the rows' keys, counts and issues are noted."""
            windows = list(_windows(np.arange(len(rows)), MEDIA_WINDOW))
            held = _Held(HELD_BYTES)
            reading = _read(pool, cells, rows, windows[0], held, said) if windows else []
            for number, window in enumerate(windows):
                decoding = _decode(pool, reading, kept, pending, prepare, held, issues)
                # The next window is read while this one is encoded; this one's bytes go as they are decoded.
                further = number + 1 < len(windows)
                reading = _read(pool, cells, rows, windows[number + 1], held, said) if further else []
                undecodable: dict[bytes, MediaError] = {}
                for position, cell, key, outcome in decoding:
                    if isinstance(outcome, Future):
                        made = _result(outcome)
                        if isinstance(made, MediaError):
                            undecodable[key] = made
                        else:
                            yield from pending.put(key, made)
                    error = outcome if isinstance(outcome, MediaError) else undecodable.get(key)
                    if error is not None:
                        issues.append(CellIssue(cell.row, cell.column, str(error), _shown(cell)))
                    else:
                        keys.append(key)
                        counts[position] += 1
                advance(len(window))
            yield from pending.rest()

        for features in encode(batches()):
            pending.take(features)
    return kept.table(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES), counts, issues)


class _Pending(Generic[Cell]):
    """Pictures or sounds that wait for their batch, batches for their features, and features for their segment."""

    def __init__(self, kept: Kept[Cell], size: int) -> None:
        self.kept, self.size = kept, size
        self.keys: set[bytes] = set()  # of all that wait for anything
        self._waiting: list[tuple[bytes, Arrays]] = []
        self._underway: deque[list[bytes]] = deque()
        self._done: list[tuple[bytes, Cell]] = []

    def put(self, key: bytes, array: Arrays) -> Iterator[Arrays]:
        """Yield a batch where this array is the last of it."""
        self.keys.add(key)
        self._waiting.append((key, array))
        if len(self._waiting) >= self.size:
            yield from self.rest()

    def rest(self) -> Iterator[Arrays]:
        """Yield what waits as a batch, if anything does."""
        if self._waiting:
            self._underway.append([key for key, _ in self._waiting])
            arrays, self._waiting = [array for _, array in self._waiting], []
            yield np.stack(arrays)

    def take(self, features: Iterable[Cell]) -> None:
        """Take the features of the batch that has been under way for longest."""
        self._done.extend(zip(self._underway.popleft(), features, strict=True))
        if len(self._done) >= self.kept.most:
            self._store()

    def __enter__(self) -> _Pending[Cell]:
        return self

    def __exit__(self, *_: object) -> None:
        self._store()  # after an error too: what was encoded is kept

    def _store(self) -> None:
        if self._done:
            keys = [key for key, _ in self._done]
            table = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
            self.kept.add(table, [made for _, made in self._done])
            self.keys.difference_update(keys)
            self._done = []


@dataclass(frozen=True)
class _Content:
    """One file that was read: the key of its bytes, the bytes, where there was room, and what is to be said of it."""

    key: bytes
    data: bytes | None
    said: str


class _Held:
    """How many bytes of files wait to be decoded; many threads ask at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bytes = 0
        self._lock = Lock()

    def take(self, data: bytes) -> bool:
        """Hold these bytes, if there is room."""
        with self._lock:
            if self._bytes + len(data) > self.limit:
                return False
            self._bytes += len(data)
            return True

    def give_back(self, data: bytes | None) -> None:
        """These bytes are no longer needed."""
        if data is not None:
            with self._lock:
                self._bytes -= len(data)


def _windows(rows: Rows, size: int) -> Iterator[Rows]:
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _read(
    pool: ThreadPoolExecutor,
    cells: MediaCells,
    rows: Rows,
    window: Rows,
    held: _Held,
    said: Callable[[bytes], str] | None,
) -> list[tuple[int, MediaCell, Future[Any]]]:
    return [
        (int(position), cell, pool.submit(_content, cell, held, said))
        for position, of_row in zip(window, cells.take(rows[window]), strict=True)
        for cell in of_row
    ]


def _decode(
    pool: ThreadPoolExecutor,
    reading: list[tuple[int, MediaCell, Future[Any]]],
    kept: Kept[Any],
    pending: _Pending[Any],
    prepare: Prepare,
    held: _Held,
    issues: list[CellIssue],
) -> list[tuple[int, MediaCell, bytes, Future[Any] | MediaError | None]]:
    """Wait for all that is read and look it up, then begin to decode what is new; None where it is not."""
    read = [(position, cell, _result(future)) for position, cell, future in reading]
    known = _found(kept, [content.key for _, _, content in read if not isinstance(content, MediaError)])
    decoding: list[tuple[int, MediaCell, bytes, Future[Any] | MediaError | None]] = []
    begun: set[bytes] = set()
    for position, cell, content in read:
        if isinstance(content, _Content) and content.said:
            issues.append(CellIssue(cell.row, cell.column, content.said, _shown(cell), broken=False))
        if isinstance(content, MediaError):
            decoding.append((position, cell, b"", content))
        elif content.key in known or content.key in pending.keys or content.key in begun:
            held.give_back(content.data)
            decoding.append((position, cell, content.key, None))
        else:
            begun.add(content.key)
            future = pool.submit(_prepare, cell, content.data, prepare, held)
            decoding.append((position, cell, content.key, future))
    return decoding


def _content(cell: MediaCell, held: _Held, said: Callable[[bytes], str] | None) -> _Content:
    data = cell.read()
    return _Content(cell.key(data), data if held.take(data) else None, said(data) if said else "")


def _prepare(
    cell: MediaCell,
    data: bytes | None,
    prepare: Prepare,
    held: _Held,
) -> npt.NDArray[np.float32]:
    try:
        # Read again where there was no room: that costs little beside decoding a file of such a size.
        return prepare(cell, cell.read() if data is None else data)
    finally:
        held.give_back(data)


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except MediaError as error:
        return error


def _found(kept: Kept[Any], keys: list[bytes]) -> set[bytes]:
    table = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
    return {key for key, found in zip(keys, kept.has(table), strict=True) if found}


def _shown(cell: MediaCell) -> str:
    return cell.value if isinstance(cell.value, str) else f"<{len(cell.value)} bytes>"
