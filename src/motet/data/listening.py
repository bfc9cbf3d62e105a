"""Every sound of a table is decoded once, to know which are broken."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from motet.data.audio_cells import AudioCell, AudioCells
from motet.data.media_cells import DIGEST
from motet.data.sounds import decode_sound
from motet.data.table import CellIssue, excerpt
from motet.errors import MediaError
from motet.progress import progress

_BLOCK = 64  # rows whose sounds are in flight at one time


def listen(cells: AudioCells) -> tuple[npt.NDArray[np.uint8], list[CellIssue]]:
    """Return [N, 16] digests of the sounds of each row that can be decoded (zeros where none can), and broken cells.

    Memory is that of a few decoded sounds at a time.
    """
    issues: list[CellIssue] = []
    digests = np.zeros((len(cells), DIGEST), np.uint8)
    wanted = np.flatnonzero(cells.present).astype(np.int64)
    with (
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
        progress("decoding sounds", len(wanted)) as advance,
    ):
        for start in range(0, len(wanted), _BLOCK):
            block = wanted[start : start + _BLOCK]
            for row, found in zip(block.tolist(), pool.map(_listen_to_row, cells.take(block)), strict=True):
                keys = [one for one in found if isinstance(one, bytes)]
                issues += [one for one in found if isinstance(one, CellIssue)]
                if keys:
                    whole = blake2b(b"".join(keys), digest_size=DIGEST)
                    digests[row] = np.frombuffer(whole.digest(), np.uint8)
            advance(len(block))
    return digests, issues


def _listen_to_row(cells: list[AudioCell]) -> list[CellIssue | bytes]:
    found: list[CellIssue | bytes] = []
    for cell in cells:
        try:
            data = cell.read()
            decode_sound(data)
        except MediaError as error:
            value = cell.value if isinstance(cell.value, str) else f"{len(cell.value)} bytes"
            found.append(CellIssue(cell.row, cell.column, str(error), excerpt(value)))
        else:
            found.append(blake2b(data, digest_size=DIGEST).digest())
    return found
