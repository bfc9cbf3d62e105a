"""Rows that hold the same thing, exactly or nearly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.data.media_cells import DIGEST, MediaCells
from motet.data.modalities import cells
from motet.data.schema import Schema
from motet.data.table import Table

Rows = npt.NDArray[np.int64]
MAX_READ = 200_000  # rows whose files are read to be compared; beyond it their paths are
NEAR_BITS = 4  # of 64
# Mean difference of two thumbnails as a share of their standard deviation. The same photo scaled to 80 % and
# saved at quality 60 has .011 (median) to .024 (99 %), a drawing with hard edges up to .044; other products
# on the same white ground start at .05.
NEAR_SHARE = 0.045
THUMBNAIL = 16
WORDS = {
    "exact": "the same inputs",
    "near_image": "nearly the same picture",
    "near_space": "pictures at nearly the same place in the space",
    "near_audio": "nearly the same sound",
    "near_text": "nearly the same text",
}
_MAX_BUCKET = 3_000
_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class NearInSpace:
    """Sets of row numbers whose pictures a model puts at nearly the same place, and a note on how that was told."""

    groups: list[Rows]
    note: str


def content_numbers(table: Table, schema: Schema, rows: Rows) -> tuple[Rows, str]:
    """Return [n] int64, equal where two rows have the same inputs, and a note where files were not read.

    A row without any input is equal to no other. A picture or sound that cannot be read counts as absent.
    """
    note = ""
    parts = []
    for made in cells(table, schema).values():
        if isinstance(made, MediaCells):
            digests, said = media_digests(made, rows)
            note = said or note
        else:
            digests = made.digests(rows)
        parts.append(np.where(made.present[rows][:, None], digests, 0).astype(np.uint8))
    return number_rows(np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 1), np.uint8)), note


def number_rows(digests: npt.NDArray[np.uint8]) -> Rows:
    """Number equal rows of [n, w] uint8 alike; rows of zeros are equal to no other."""
    whole = np.ascontiguousarray(digests).view(np.dtype((np.void, digests.shape[1]))).ravel()
    _, numbers = np.unique(whole, return_inverse=True)
    numbers = numbers.astype(np.int64)
    nothing = ~digests.any(axis=1)
    numbers[nothing] = len(digests) + np.arange(nothing.sum())
    return numbers


def media_digests(made: MediaCells, rows: Rows) -> tuple[npt.NDArray[np.uint8], str]:
    """Return [n, 16] digests of the files of rows, and a note where there were too many to be read."""
    if len(rows) <= MAX_READ:
        return made.digests(rows), ""
    note = f"more than {MAX_READ:,} rows: pictures and sounds were compared by path, not by content"
    return _path_digests(made, rows), note


def _path_digests(made: MediaCells, rows: Rows) -> npt.NDArray[np.uint8]:
    digests = np.zeros((len(rows), DIGEST), np.uint8)
    for start in range(0, len(rows), 1 << 16):
        for number, row in enumerate(made.take(rows[start : start + (1 << 16)]), start):
            if row:
                key = b"\0".join(c.value.encode() if isinstance(c.value, str) else c.value for c in row)
                digests[number] = np.frombuffer(blake2b(key, digest_size=DIGEST).digest(), np.uint8)
    return digests


def groups_of(numbers: Rows, rows: Rows) -> list[Rows]:
    """Return the sets of two or more `rows` ([n]) that have one number ([n]), largest first."""
    order = np.argsort(numbers, kind="stable")
    bounds = np.flatnonzero(np.diff(numbers[order])) + 1
    found = [np.sort(rows[group]) for group in np.split(order, bounds) if len(group) > 1]
    return sorted(found, key=lambda group: (-len(group), int(group[0])))


def joined_numbers(one: Rows, other: Rows, things: int) -> Rows:
    """Numbers [things], equal where pairs (`one[i]`, `other[i]`) join two things, also through others."""
    parent = np.arange(things)
    for first, second in zip(one.tolist(), other.tolist(), strict=True):
        parent[_root(parent, first)] = _root(parent, second)
    return np.array([_root(parent, thing) for thing in range(things)], np.int64)


def normalised_digests(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return [n, 16] digests of texts without case, punctuation and space; zeros where nothing is left."""
    made = np.zeros((len(texts), DIGEST), np.uint8)
    for number, text in enumerate(texts):
        bare = _NOT_WORDS.sub("", text.casefold())
        if bare:
            made[number] = np.frombuffer(blake2b(bare.encode(), digest_size=DIGEST).digest(), np.uint8)
    return made


def picture_hash(image: Image.Image) -> tuple[int, npt.NDArray[np.uint8]]:
    """Return the 64-bit difference hash of a picture, and its 16 x 16 RGB thumbnail ([768] uint8).

    dHash (Krawetz 2013): of a grey 9 x 8 reduction, each pixel against its right neighbour.
    """
    # bilinear reduction weighs every pixel smoothly, so that scaling moves the result least
    grey = image.convert("L").resize((9, 8), Image.Resampling.BILINEAR, reducing_gap=3.0)
    levels = np.asarray(grey, np.int16)
    bits = np.packbits(levels[:, 1:] > levels[:, :-1])
    thumbnail = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return int.from_bytes(bits.tobytes(), "big"), np.asarray(thumbnail).ravel()


def near_prints(
    hashes: npt.NDArray[np.uint64], thumbnails: npt.NDArray[np.uint8], share: float = NEAR_SHARE
) -> tuple[Rows, int]:
    """Number pictures (or sounds) that are nearly the same: at most 4 bits of 64 differ, and their thumbnails agree.

    hashes [n] uint64, thumbnails [n, 768] uint8. share : most mean difference of two thumbnails, of the smaller of
    their standard deviations. Returns [n] numbers, equal within a set of look-alikes, and
    the size of the largest crowd that was not compared, or 0. Of five bands of a hash, two hashes that differ
    in four bits share one (pigeonhole), so only pictures in one bucket are compared, never all pairs.
    """
    parent = np.arange(len(hashes))
    skipped = 0
    edges = np.cumsum([0, 13, 13, 13, 13, 12])
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            if len(bucket) > _MAX_BUCKET:
                skipped = max(skipped, len(bucket))
            elif len(bucket) > 1:
                _join_alike(bucket, hashes, thumbnails, share, parent)
    return np.array([_root(parent, number) for number in range(len(hashes))], np.int64), skipped


def _join_alike(
    bucket: Rows,
    hashes: npt.NDArray[np.uint64],
    thumbnails: npt.NDArray[np.uint8],
    share: float,
    parent: Rows,
) -> None:
    for at, one in enumerate(bucket[:-1].tolist()):
        rest = bucket[at + 1 :]
        rest = rest[np.bitwise_count(hashes[rest] ^ hashes[one]) <= NEAR_BITS]
        if len(rest):
            others = thumbnails[rest].astype(np.int16)
            difference = np.abs(others - thumbnails[one]).mean(axis=1)
            contrast = np.minimum(others.std(axis=1), thumbnails[one].std())
            for other in rest[difference <= np.maximum(share * contrast, 0.5)].tolist():
                parent[_root(parent, other)] = _root(parent, one)


def _root(parent: Rows, number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number
