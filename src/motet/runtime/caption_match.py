"""Captions beside their pictures in the space of a model that matches: the score that needs no references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, Table
from motet.evaluation.clip_score import clip_metrics, clip_scores, reference_clip_scores
from motet.runtime.match_model import MatchModel
from motet.runtime.provenance import trained_on

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class MatchedPictures:
    """N pictures in a space, and what people wrote of each: what captions of them are scored against.

    A picture that the space cannot read, and a sentence without words, are as far as can be from everything: score 0.
    """

    space: MatchModel
    pictures: npt.NDArray[np.float32]
    references: tuple[npt.NDArray[np.float32], ...]

    @classmethod
    def of(
        cls, space: MatchModel, cells: ImageCells, rows: Rows, references: Sequence[Sequence[str]]
    ) -> MatchedPictures:
        """The pictures of some rows, and references of each."""
        vectors = space.embed_texts([text for several in references for text in several]).vectors
        ends = np.cumsum([len(several) for several in references])[:-1]
        return cls(space, space.embed_images(cells, rows).vectors, tuple(np.split(vectors, ends)))

    def scores(self, captions: Sequence[str]) -> Floats:
        """CLIP-S [N] of a caption for each picture."""
        return clip_scores(self.pictures, self.space.embed_texts(captions).vectors)

    def metrics(self, captions: Sequence[str], *, seed: int = 0) -> dict[str, dict[str, float]]:
        """Mean CLIP-S and RefCLIP-S, with intervals."""
        vectors = self.space.embed_texts(captions).vectors
        alone = clip_scores(self.pictures, vectors)
        return clip_metrics(alone, reference_clip_scores(alone, vectors, self.references), seed=seed)


def caption_scores(
    space: MatchModel, cells: ImageCells, rows: Rows, captions: Sequence[str | None]
) -> list[float | None]:
    """CLIP-S of a caption for the picture of each of some rows; None where there is no caption."""
    there = np.array([at for at, text in enumerate(captions) if text is not None], np.int64)
    found: list[float | None] = [None] * len(captions)
    if len(there):
        said = [text for text in captions if text is not None]
        scores = MatchedPictures(space, space.embed_images(cells, rows[there]).vectors, ()).scores(said)
        for at, score in zip(there.tolist(), scores.tolist(), strict=True):
            found[at] = score
    return found


def told_space(space: MatchModel, table: Table) -> tuple[dict[str, Any], list[str]]:
    """What `evaluation.json` says of the space that captions were scored in, and a note where it knows the pairs."""
    name = space.directory.path.resolve().name
    notes = []
    if trained_on(space.manifest, table):
        notes.append(
            f"CLIPScore: {name} was trained on this table, and may know the pictures that are measured"
        )
    return {"model": name, "made_by": space.space.made_by, "fingerprint": space.fingerprint}, notes
