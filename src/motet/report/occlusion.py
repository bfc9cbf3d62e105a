"""What an answer rests on, drawn: the picture lit where it matters, and the words of the question marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.report.reading import Tree, listing, number
from motet.report.thumbnails import thumbnail
from motet.report.wording import words

LEAST = 0.02  # a fall that is drawn at full strength, at least: what moves nothing is not blown up
VEIL = 0.65  # darkness of what does not matter
SIDE = 480  # pixels


@dataclass(frozen=True)
class Piece:
    """A piece of the question: how much of the greatest fall is its own, below zero where it spoke against."""

    text: str
    fall: float | None
    share: float

    @property
    def against(self) -> bool:
        """Whether the answer gains when it is hidden."""
        return self.share < 0

    @property
    def strength(self) -> float:
        """From 0 to 1."""
        return round(abs(self.share), 2)


def pieces(occlusion: Tree) -> list[Piece]:
    """The pieces of the question in order; none where nothing was asked."""
    made = []
    for pair in listing(occlusion.get("words")):
        text, fall = listing(pair)
        made.append((words(text) if text.strip() else text, number(fall)))
    greatest = max([LEAST, *(abs(fall) for _, fall in made if fall is not None)])
    return [Piece(text, fall, 0.0 if fall is None else fall / greatest) for text, fall in made]


def regions(occlusion: Tree) -> npt.NDArray[np.float64] | None:
    """Falls [G, G] of the cells of the picture; None without a picture."""
    rows = [[number(fall) or 0.0 for fall in listing(row)] for row in listing(occlusion.get("regions"))]
    return np.array(rows) if rows else None


def spotlight(picture: Image.Image, falls: npt.NDArray[np.float64]) -> str | None:
    """The picture as a data URI, darkened where hiding it takes nothing from the answer; None where all is so."""
    if float(falls.max()) < LEAST:
        return None
    shares = np.clip(falls / float(falls.max()), 0, 1)
    lit = picture.convert("RGB")
    size = max(1, round(SIDE * lit.width / max(lit.size))), max(1, round(SIDE * lit.height / max(lit.size)))
    lit = lit.resize(size, Image.Resampling.BICUBIC)
    levels = Image.fromarray(((1 - VEIL * (1 - shares)) * 255).round().astype(np.uint8))
    mask = np.asarray(levels.resize(size, Image.Resampling.BICUBIC), np.float32)[..., None] / 255
    return thumbnail(Image.fromarray((np.asarray(lit) * mask).astype(np.uint8)), size=SIDE)
