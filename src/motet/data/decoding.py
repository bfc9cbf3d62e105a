"""Every picture and sound of a table is decoded once, to know which are broken and which are nearly the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from motet.data.duplicates import NEAR_SHARE, near_prints, number_rows, picture_hash
from motet.data.media import decode_image
from motet.data.media_cells import DIGEST, MediaCell, MediaCells
from motet.data.sound_prints import NEAR_SOUND, sound_print
from motet.data.sounds import decode_sound, unread_part
from motet.data.table import CellIssue, excerpt
from motet.errors import MediaError
from motet.progress import progress

Rows = npt.NDArray[np.int64]
Print = tuple[int, npt.NDArray[np.uint8]]  # 64 bits, and a thumbnail [768]
_BLOCK = 64  # rows whose files are in flight at one time


@dataclass(frozen=True)
class Decoded:
    """What decoding found.

    issues   broken cells, and cells of which a part is read, in row order.
    digests  [N, 16] uint8 of the files of each row that can be decoded; zeros where there is none.
    rows     [P] the row of each file that can be decoded; exact, alike [P]: equal numbers where two are the same
             file, or nearly the same.
    crowd    size of the largest set of files that was too large to be compared, or 0.
    """

    issues: list[CellIssue]
    digests: npt.NDArray[np.uint8]
    rows: Rows
    exact: Rows
    alike: Rows
    crowd: int


@dataclass(frozen=True)
class Way:
    """How the files of one modality are decoded and compared: `read` raises MediaError; `share` as in near_prints."""

    things: str
    read: Callable[[bytes], Print]
    unread: Callable[[bytes], str]
    share: float


WAYS = {
    "image": Way("pictures", lambda data: picture_hash(decode_image(data)), lambda data: "", NEAR_SHARE),
    "audio": Way("sounds", lambda data: sound_print(decode_sound(data)), unread_part, NEAR_SOUND),
}


def decode_all(cells: MediaCells, way: Way) -> Decoded:
    """Decode each file once in a small pool of threads; memory is that of a few dozen files."""
    issues: list[CellIssue] = []
    digests = np.zeros((len(cells), DIGEST), np.uint8)
    rows: list[int] = []
    keys, hashes, thumbnails = [], [], []
    wanted = np.flatnonzero(cells.present).astype(np.int64)
    threads = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool, progress(f"decoding {way.things}", len(wanted)) as advance:
        for start in range(0, len(wanted), _BLOCK):
            block = wanted[start : start + _BLOCK]
            made = pool.map(lambda of_row: _decode_row(of_row, way), cells.take(block))
            for row, found in zip(block.tolist(), made, strict=True):
                whole = blake2b(digest_size=DIGEST)
                readable = False
                for result in found:
                    if isinstance(result, CellIssue):
                        issues.append(result)
                        continue
                    readable = True
                    whole.update(result[0])
                    rows.append(row)
                    keys.append(np.frombuffer(result[0], np.uint8))
                    hashes.append(result[1][0])
                    thumbnails.append(result[1][1])
                if readable:
                    digests[row] = np.frombuffer(whole.digest(), np.uint8)
            advance(len(block))
    if not rows:
        none = np.zeros(0, np.int64)
        return Decoded(issues, digests, none, none, none, 0)
    alike, crowd = near_prints(np.array(hashes, np.uint64), np.stack(thumbnails), way.share)
    return Decoded(issues, digests, np.array(rows), number_rows(np.stack(keys)), alike, crowd)


def _decode_row(cells: list[MediaCell], way: Way) -> list[CellIssue | tuple[bytes, Print]]:
    found: list[CellIssue | tuple[bytes, Print]] = []
    for cell in cells:
        value = excerpt(cell.value if isinstance(cell.value, str) else f"{len(cell.value)} bytes")
        try:
            data = cell.read()
            found.append((blake2b(data, digest_size=DIGEST).digest(), way.read(data)))
        except MediaError as error:
            found.append(CellIssue(cell.row, cell.column, str(error), value))
            continue
        unread = way.unread(data)
        if unread:
            found.append(CellIssue(cell.row, cell.column, unread, value, broken=False))
    return found
