"""What any captioner must beat: the caption of the training picture that looks most alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data.media_cells import DIGEST
from motet.errors import ModelError

Floats = npt.NDArray[np.floating]
MOST = 20_000  # training pictures that are kept, evenly spaced


@dataclass(frozen=True)
class Neighbours:
    """n training pictures: unit vectors [n, D], a caption of each; digests [m, 16] of all training sentences."""

    vectors: npt.NDArray[np.float16]
    captions: tuple[str, ...]
    digests: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, pooled: Floats, captions: list[str], digests: npt.NDArray[np.uint8]) -> Neighbours:
        """From pooled features [n, D] of training pictures; no more than 20,000 are kept."""
        kept = np.arange(0, len(captions), max(1, -(-len(captions) // MOST)))
        return cls(
            unit(pooled[kept]).astype(np.float16),
            tuple(captions[i] for i in kept),
            np.unique(digests, axis=0),
        )

    def nearest(self, pooled: Floats) -> list[str]:
        """The caption of the most similar training picture of each of pooled features [n, D], by cosine."""
        near = (unit(pooled) @ self.vectors.astype(np.float32).T).argmax(axis=1) if len(pooled) else []
        return [self.captions[at] for at in near]

    def save(self, neighbours: Path, sentences: Path) -> None:
        """Write both files, of Arrow IPC: pictures with their captions, and the digests."""
        flat = pa.array(self.vectors.ravel(), pa.float16())
        vectors = pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1])
        _write(
            neighbours, pa.table({"caption": pa.array(self.captions, pa.large_string()), "vector": vectors})
        )
        digests = pa.array([digest.tobytes() for digest in self.digests], pa.binary(DIGEST))
        _write(sentences, pa.table({"digest": digests}))

    @classmethod
    def load(cls, neighbours: Path, sentences: Path) -> Neighbours:
        """Read what `save` wrote; ModelError where it is something else."""
        try:
            read, said = _read(neighbours), _read(sentences)
            flat = read.column("vector").combine_chunks().flatten().to_numpy()
            digests = b"".join(said.column("digest").to_pylist())
            return cls(
                flat.reshape(len(read), -1).astype(np.float16),
                tuple(read.column("caption").to_pylist()),
                np.frombuffer(digests, np.uint8).reshape(-1, DIGEST),
            )
        except (pa.ArrowInvalid, KeyError, ValueError) as error:
            raise ModelError(
                f"{neighbours.parent}: cannot be read as captions of pictures: {error}"
            ) from error


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        return reader.read_all()


def unit(pooled: Floats) -> npt.NDArray[np.float32]:
    """Rows [n, D] of length one; zeros stay zeros."""
    vectors = pooled.astype(np.float32)
    made: npt.NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
    )
    return made
