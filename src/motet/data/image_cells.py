"""The pictures of each row, not yet decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.data.table import CellIssue, Table

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageCell:
    """One picture of one row: a path below the root, or the bytes of a file."""

    row: int
    column: str
    value: str | bytes
    root: Path | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """Return the encoded picture; MediaError where it is missing, leaves the root, or is too large."""
        raise NotImplementedError


class ImageCells:
    """The picture columns of a table."""

    modality = "image"

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.issues: list[CellIssue] = []
        self.present: npt.NDArray[np.bool_] = np.zeros(len(table), bool)
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> list[list[ImageCell]]:
        """Return the pictures of each row: one for each column that is not empty."""
        raise NotImplementedError

    def digests(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return [n, 16] BLAKE2b digests of the encoded pictures of each row; zeros where none can be read."""
        raise NotImplementedError
