"""What any captioner must beat: the caption of the training picture that looks most alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

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

    def save(self, features: Path, captions: Path) -> None:
        """Write both files."""
        save_file({"vectors": self.vectors, "digests": self.digests}, features)
        captions.write_text(json.dumps(self.captions, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, features: Path, captions: Path) -> Neighbours:
        """Read what `save` wrote; ModelError where the two do not belong together."""
        read, said = load_file(features), json.loads(captions.read_text(encoding="utf-8"))
        if len(read["vectors"]) != len(said):
            raise ModelError(f"{captions}: not as many captions as {features.name} has pictures")
        return cls(read["vectors"], tuple(said), read["digests"])


def unit(pooled: Floats) -> npt.NDArray[np.float32]:
    """Rows [n, D] of length one; zeros stay zeros."""
    vectors = pooled.astype(np.float32)
    made: npt.NDArray[np.float32] = vectors / np.maximum(
        np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12
    )
    return made
