"""Every picture of a table is decoded once, to know which are broken and which look alike."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from motet.data.duplicates import near_pictures, number_rows, picture_hash
from motet.data.image_cells import DIGEST, ImageCell, ImageCells
from motet.data.media import decode_image
from motet.data.table import CellIssue, excerpt
from motet.errors import MediaError
from motet.progress import progress

Rows = npt.NDArray[np.int64]
_BLOCK = 256  # rows whose pictures are in flight at one time


@dataclass(frozen=True)
class Pictures:
    """What decoding found.

    issues   broken cells, in row order.
    digests  [N, 16] uint8 of the pictures of each row that can be decoded; zeros where there is none.
    rows     [P] the row of each picture that can be decoded; exact, alike [P]: equal numbers where two
             pictures are the same file, or look alike.
    crowd    size of the largest set of pictures that was too large to be compared, or 0.
    """

    issues: list[CellIssue]
    digests: npt.NDArray[np.uint8]
    rows: Rows
    exact: Rows
    alike: Rows
    crowd: int


def look_at_pictures(cells: ImageCells) -> Pictures:
    """Decode each picture once in a small pool of threads; memory is that of a few hundred files."""
    issues: list[CellIssue] = []
    digests = np.zeros((len(cells), DIGEST), np.uint8)
    rows: list[int] = []
    keys, hashes, thumbnails = [], [], []
    wanted = np.flatnonzero(cells.present).astype(np.int64)
    threads = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool, progress("decoding pictures", len(wanted)) as advance:
        for start in range(0, len(wanted), _BLOCK):
            block = wanted[start : start + _BLOCK]
            for row, found in zip(block.tolist(), pool.map(_look_at_row, cells.take(block)), strict=True):
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
                    hashes.append(result[1])
                    thumbnails.append(result[2])
                if readable:
                    digests[row] = np.frombuffer(whole.digest(), np.uint8)
            advance(len(block))
    if not rows:
        none = np.zeros(0, np.int64)
        return Pictures(issues, digests, none, none, none, 0)
    alike, crowd = near_pictures(np.array(hashes, np.uint64), np.stack(thumbnails))
    return Pictures(issues, digests, np.array(rows), number_rows(np.stack(keys)), alike, crowd)


def _look_at_row(
    cells: list[ImageCell],
) -> list[CellIssue | tuple[bytes, int, npt.NDArray[np.uint8]]]:
    found: list[CellIssue | tuple[bytes, int, npt.NDArray[np.uint8]]] = []
    for cell in cells:
        try:
            data = cell.read()
            bits, thumbnail = picture_hash(decode_image(data))
        except MediaError as error:
            value = cell.value if isinstance(cell.value, str) else f"{len(cell.value)} bytes"
            found.append(CellIssue(cell.row, cell.column, str(error), excerpt(value)))
        else:
            found.append((blake2b(data, digest_size=DIGEST).digest(), bits, thumbnail))
    return found
