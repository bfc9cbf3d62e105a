"""Cells are encoded once: look each one up in the cache by its content, encode only what is not there.

Both functions end with every cell on the encoder's shelf and return rows that point to it. They work in
windows, so that a million rows never stand in memory as pictures or sentences. An error or Ctrl-C loses
nothing that was encoded, a kill at most one window of texts or one segment of pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.data import CellIssue, ImageCell, ImageCells, TextCells
from motet.data.media import decode_image
from motet.data.processors import processors
from motet.encoders.cache import KEY_BYTES, FeatureCache, Shelf
from motet.encoders.features import FeatureTable, ShelfRows
from motet.errors import EncoderError, MediaError
from motet.progress import progress

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
TEXT_WINDOW = 8192
IMAGE_WINDOW = 256
SEGMENT_CELLS = 4096


def encode_texts(
    cells: TextCells,
    rows: Rows,
    encode: Callable[[Sequence[str]], Iterator[tuple[Rows, Floats]]],
    shelf: Shelf,
    description: str,
) -> FeatureTable:
    """Features of the text of each row.

    `encode` takes n sentences and yields (positions [b], pooled [b, D]) in any order, each position once.
    """
    present = cells.present[rows]
    keys = np.zeros((len(rows), KEY_BYTES), np.uint8)
    full = np.flatnonzero(present)
    for window in _windows(full, TEXT_WINDOW * 8):
        keys[window] = cells.digests(rows[window])
    _, first = np.unique(keys[full], axis=0, return_index=True) if len(full) else (None, full)
    todo = full[np.sort(first)]
    todo = todo[~shelf.find(keys[todo]).found]
    with progress(description, len(todo)) as advance:
        for window in _windows(todo, TEXT_WINDOW):
            pooled = np.zeros((len(window), shelf.width), np.float32)
            done = np.zeros(len(window), bool)
            try:
                for positions, values in encode(cells.take(rows[window])):
                    pooled[positions], done[positions] = values, True
                    advance(len(positions))
            finally:
                shelf.add(keys[window][done], pooled[done])
            if not done.all():
                left_out = f"{(~done).sum()} of {len(done)} texts"
                raise EncoderError(f"{description}: no features came back for {left_out}")
    places = shelf.find(keys[full])
    start = np.concatenate([[0], np.cumsum(present)])
    return FeatureTable(ShelfRows(shelf, places, start), present)


def encode_images(
    cells: ImageCells,
    rows: Rows,
    prepare: Callable[[Image.Image], npt.NDArray[np.float32]],
    encode: Callable[[npt.NDArray[np.float32]], Floats],
    shelf: Shelf,
    description: str,
    *,
    batch_size: int = 32,
) -> FeatureTable:
    """Features of the pictures of each row: the mean over those of its pictures that can be decoded.

    `prepare` makes an array of one RGB picture (run in threads); `encode` takes a batch [b, ...] of them and
    returns pooled [b, D]. A row none of whose pictures can be decoded is absent, each such cell is an issue.
    """
    keys: list[bytes] = []
    counts = np.zeros(len(rows), np.int64)
    issues: list[CellIssue] = []
    with (
        ThreadPoolExecutor(processors()) as pool,
        progress(description, len(rows)) as advance,
        _Pending(shelf, encode, batch_size) as pending,
    ):
        windows = list(_windows(np.arange(len(rows)), IMAGE_WINDOW))
        reading = _read(pool, cells, rows, windows[0]) if windows else []
        for number, _ in enumerate(windows):
            contents = [(position, cell, future) for position, cell, future in reading]
            if number + 1 < len(windows):  # the next window is read while this one is encoded
                reading = _read(pool, cells, rows, windows[number + 1])
            # Read and look up first, then decode only what is new.
            read = [(position, cell, _result(future)) for position, cell, future in contents]
            known = _found(shelf, [data[0] for _, _, data in read if not isinstance(data, MediaError)])
            decoding: list[tuple[int, ImageCell, bytes, Future[Any] | MediaError | None]] = []
            begun: set[bytes] = set()
            for position, cell, data in read:
                if isinstance(data, MediaError):
                    decoding.append((position, cell, b"", data))
                elif data[0] in known or data[0] in pending.keys or data[0] in begun:
                    decoding.append((position, cell, data[0], None))
                else:
                    begun.add(data[0])
                    decoding.append((position, cell, data[0], pool.submit(_prepare, data[1], prepare)))
            undecodable: dict[bytes, MediaError] = {}
            for position, cell, key, outcome in decoding:
                if isinstance(outcome, Future):
                    made = _result(outcome)
                    if isinstance(made, MediaError):
                        undecodable[key] = made
                    else:
                        pending.put(key, made)
                error = outcome if isinstance(outcome, MediaError) else undecodable.get(key)
                if error is not None:
                    issues.append(CellIssue(cell.row, cell.column, str(error), _shown(cell)))
                else:
                    keys.append(key)
                    counts[position] += 1
            advance(len(windows[number]))
        pending.flush()
    found = shelf.find(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES))
    start = np.concatenate([[0], np.cumsum(counts)])
    return FeatureTable(ShelfRows(shelf, found, start), counts > 0, tuple(issues))


def shelf_of(cache: FeatureCache | None, fingerprint: str, width: int) -> Shelf:
    """The shelf of an encoder: on disk where there is a cache, else in memory only."""
    return cache.shelf(fingerprint, width) if cache is not None else Shelf(None, width)


class _Pending:
    """Pictures that wait for their batch, and features that wait for their segment."""

    def __init__(self, shelf: Shelf, encode: Callable[[npt.NDArray[np.float32]], Floats], size: int) -> None:
        self.shelf, self.encode, self.size = shelf, encode, size
        self.keys: set[bytes] = set()
        self._waiting: list[tuple[bytes, npt.NDArray[np.float32]]] = []
        self._done: list[tuple[bytes, Floats]] = []

    def put(self, key: bytes, array: npt.NDArray[np.float32]) -> None:
        self.keys.add(key)
        self._waiting.append((key, array))
        if len(self._waiting) >= self.size:
            self._encode()
        if len(self._done) >= SEGMENT_CELLS:
            self._store()

    def flush(self) -> None:
        self._encode()
        self._store()

    def __enter__(self) -> _Pending:
        return self

    def __exit__(self, *_: object) -> None:
        self._store()  # after an error too: what was encoded is kept

    def _encode(self) -> None:
        if self._waiting:
            pooled = self.encode(np.stack([array for _, array in self._waiting]))
            self._done.extend(zip([key for key, _ in self._waiting], pooled, strict=True))
            self._waiting = []

    def _store(self) -> None:
        if self._done:
            keys = np.frombuffer(b"".join(key for key, _ in self._done), np.uint8).reshape(-1, KEY_BYTES)
            self.shelf.add(keys, np.stack([pooled for _, pooled in self._done]))
            self.keys, self._done = set(), []


def _windows(rows: Rows, size: int) -> Iterator[Rows]:
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _read(
    pool: ThreadPoolExecutor, cells: ImageCells, rows: Rows, window: Rows
) -> list[tuple[int, ImageCell, Future[Any]]]:
    return [
        (int(position), cell, pool.submit(_content, cell))
        for position, of_row in zip(window, cells.take(rows[window]), strict=True)
        for cell in of_row
    ]


def _content(cell: ImageCell) -> tuple[bytes, bytes]:
    data = cell.read()
    return hashlib.blake2b(data, digest_size=KEY_BYTES).digest(), data


def _prepare(
    data: bytes, prepare: Callable[[Image.Image], npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    return prepare(decode_image(data))


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except MediaError as error:
        return error


def _found(shelf: Shelf, keys: list[bytes]) -> set[bytes]:
    table = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
    return {key for key, found in zip(keys, shelf.find(table).found, strict=True) if found}


def _shown(cell: ImageCell) -> str:
    return cell.value if isinstance(cell.value, str) else f"<{len(cell.value)} bytes>"
