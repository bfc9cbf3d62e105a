"""Vectors on disk: one record a row, as float32, float16, or INT8 with a scale of its own."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from motet.errors import SearchError, UsageError

Storage = Literal["float32", "float16", "int8"]
Floats = npt.NDArray[np.float32]
Records = npt.NDArray[Any]

LEVELS = 127  # INT8 codes go from -127 to 127, so that a vector and its negative have the same scale
LENGTH_TOLERANCE = 0.01  # vectors that were kept as float16 come back this close to unit length
LEAST_SQUARE, GREATEST_SQUARE = (1 - LENGTH_TOLERANCE) ** 2, (1 + LENGTH_TOLERANCE) ** 2


def check_storage(storage: str) -> Storage:
    """The storage of this name; UsageError where there is none."""
    known: tuple[Storage, ...] = get_args(Storage)
    for one in known:
        if storage == one:
            return one
    raise UsageError(f"no storage {storage!r}: one of {', '.join(known)}")


def record_type(storage: Storage, width: int) -> np.dtype[Any]:
    """Type of one row of `vectors.bin`: `codes` [width], and for INT8 the `scale` that they are multiplied by."""
    if storage == "int8":
        return np.dtype([("scale", "<f4"), ("codes", "i1", (width,))])
    return np.dtype([("codes", "<f4" if storage == "float32" else "<f2", (width,))])


def encode(vectors: Floats, storage: Storage) -> Records:
    """Records [N] of vectors [N, D]. INT8: each vector has its own scale, its largest magnitude over 127."""
    records = np.zeros(len(vectors), record_type(storage, vectors.shape[1]))
    if storage == "int8":
        scale = np.abs(vectors).max(1, initial=0) / LEVELS
        records["scale"] = scale
        records["codes"] = np.rint(vectors / np.where(scale > 0, scale, 1)[:, None])
    else:
        records["codes"] = vectors
    return records


def decode(records: Records) -> Floats:
    """Vectors [N, D] float32 of records [N]."""
    vectors: Floats = np.ascontiguousarray(records["codes"], dtype=np.float32)
    if "scale" in (records.dtype.names or ()):
        vectors *= records["scale"][:, None]
    return vectors


def check_vectors(vectors: npt.ArrayLike, width: int | None = None, *, what: str = "vectors") -> Floats:
    """Vectors [N, D] as contiguous float32; SearchError for another shape, NaN, infinity, or a length that is not 1."""
    try:
        array: Floats = np.ascontiguousarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise SearchError(f"{what}: not an array of numbers ({error})") from error
    if array.ndim != 2 or array.shape[1] == 0 or (width is not None and array.shape[1] != width):
        wanted = "[rows, width]" if width is None else f"[rows, {width}]"
        raise SearchError(f"{what}: of shape {list(array.shape)}, but {wanted} is wanted")
    # in pieces: a square of a million vectors would need as much memory again
    for begin in range(0, len(array), 65_536):
        piece = array[begin : begin + 65_536]
        squares = np.einsum("ij,ij->i", piece, piece)
        if squares.min() >= LEAST_SQUARE and squares.max() <= GREATEST_SQUARE:  # neither where one is NaN
            continue
        lengths = np.linalg.norm(piece, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= LENGTH_TOLERANCE))
        if len(wrong):
            row, length = begin + int(wrong[0]), float(lengths[wrong[0]])
            if not np.isfinite(array[row]).all():
                raise SearchError(f"{what}: row {row} holds NaN or infinity")
            raise SearchError(
                f"{what}: row {row} has length {length:.4g}, not 1: divide each vector by its length"
            )
    return array
