"""The pictures or sounds of each row, not yet decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from motet.data.casting import has_words, is_bytes_type
from motet.data.media import MAX_BYTES, decode_image, read_media, resolve_media
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt, gather
from motet.errors import MediaError

Rows = npt.NDArray[np.int64]
DIGEST = 16  # bytes


@dataclass(frozen=True)
class MediaCell:
    """One picture or sound of one row: a path below the root, or the bytes of a file."""

    row: int
    column: str
    value: str | bytes
    root: Path | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """Return the file's bytes; MediaError where it is missing, leaves the root, or is too large."""
        if isinstance(self.value, str):
            return read_media(resolve_media(self.root, self.value))
        if len(self.value) > MAX_BYTES:
            raise MediaError(f"too large: {len(self.value):,} bytes, at most {MAX_BYTES:,}")
        return self.value

    def key(self, data: bytes) -> bytes:
        """Return the key [16 bytes] of what `read` gave, by which caches know its features."""
        return blake2b(data, digest_size=DIGEST).digest()

    def picture(self, data: bytes) -> Image.Image:
        """Decode what `read` gave as an RGB picture; MediaError where it is none."""
        return decode_image(data)


class MediaCells:
    """The columns of one kind of file: paths, bytes, or the {bytes, path} of a `datasets` Image or Audio.

    present [N] bool: some column is not empty; whether it can be decoded is not known yet.
    issues  cells that are neither a path nor bytes.
    """

    modality = ""
    thing = ""  # what one of them is called: a picture, a sound

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.issues: list[CellIssue] = []
        self._root = table.root
        self._column: dict[str, pa.ChunkedArray] = {}
        self._filled: dict[str, npt.NDArray[np.bool_]] = {}
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        for name in self.columns:
            if name not in table.columns:
                continue
            column = table.column(name)
            if is_media_type(column.type):
                self._column[name] = column
                self._filled[name] = _filled(column)
                self.present = self.present | self._filled[name]
            else:
                reason = (
                    f"a value of type {column.type} is not a {self.thing}: give a path or the bytes of a file"
                )
                rows = np.flatnonzero(column.is_valid().to_numpy())[:MAX_LISTED]
                self.issues += [CellIssue(r, name, reason, excerpt(column[r].as_py())) for r in rows.tolist()]

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> list[list[MediaCell]]:
        """Return the files of each row: one for each column that is not empty."""
        rows = np.asarray(rows, np.int64)
        made: list[list[MediaCell]] = [[] for _ in range(len(rows))]
        for name, column in self._column.items():
            filled = self._filled[name][rows].tolist()
            values = gather(column, rows).to_pylist()
            for cells, row, value, here in zip(made, rows.tolist(), values, filled, strict=True):
                if here:
                    if isinstance(value, dict):
                        value = value.get("bytes") or value.get("path") or b""
                    cells.append(MediaCell(row, name, value, self._root))
        return made

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the files of each row; zeros where none can be read."""
        rows = np.asarray(rows, np.int64)
        made = np.zeros((len(rows), DIGEST), np.uint8)
        for start in range(0, len(rows), 256):  # bytes of a few hundred files at a time
            for number, cells in enumerate(self.take(rows[start : start + 256]), start):
                whole = blake2b(digest_size=DIGEST)
                readable = 0
                for cell in cells:
                    try:
                        data = cell.read()
                    except MediaError:
                        continue
                    readable += 1
                    whole.update(cell.key(data))
                if readable:
                    made[number] = np.frombuffer(whole.digest(), np.uint8)
        return made


def is_media_type(kind: pa.DataType) -> bool:
    """Tell whether cells of this Arrow type can hold files: text, bytes, or a structure with either."""
    if pa.types.is_struct(kind):
        names = {kind.field(i).name for i in range(kind.num_fields)}
        return bool(names & {"bytes", "path"}) and names <= {"bytes", "path"}
    return bool(is_bytes_type(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _filled(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    if pa.types.is_struct(column.type):
        filled = np.zeros(len(column), bool)
        for position in range(column.type.num_fields):
            part = pc.struct_field(column, [position])  # null where the whole structure is
            filled |= np.zeros(len(column), bool) if pa.types.is_null(part.type) else _filled(part)
        return filled
    if is_bytes_type(column.type):
        # no bytes at all are an empty file, which is broken, as one that a path names
        return np.array(column.is_valid().to_numpy(), bool)
    return has_words(column)
