"""What an encoder makes of a batch of rows, and what fusion reads: the one type between the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Array = TypeVar("Array")  # numpy.ndarray in the running wing, torch.Tensor in the learning wing


@dataclass(frozen=True)
class Features(Generic[Array]):
    """Features of one source for a batch of B rows.

    pooled  [B, D] float: one vector a row.
    present [B] bool: False where the row has nothing of this modality. Numbers of such a row are never
            looked at: filling them with NaN changes no output.
    tokens  [B, T, D] float, mask [B, T] bool: only where asked for (grid cells, word pieces).
    """

    pooled: Array
    present: Array
    tokens: Array | None = None
    mask: Array | None = None
