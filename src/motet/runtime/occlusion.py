"""What an answer rests on: how much less probable it is when a region of the picture, or a word, is hidden.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, sec. 4.2. It is
measured on what ships, whatever the fusion: weights of attention are not there in each of them, and where they are,
they need not say what decided (Jain and Wallace, "Attention is not Explanation", arXiv 1902.10186).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.data.media import decode_image
from motet.data.scripts import UNSPACED

Floats = npt.NDArray[np.floating]
GRID = 8  # cells on each side of a picture
WINDOW = (
    2  # cells on each side of what is hidden at a time, at every place: a cell's fall is the mean of them
)
MOST_PIECES = 48  # of a question; neighbouring words of longer ones are hidden together
LONGEST = 512  # pixels of the longer side of a picture that is hidden in parts
_PIECE = re.compile(f"[{UNSPACED}]|[^\\s{UNSPACED}]+")


@dataclass(frozen=True)
class Occlusion:
    """Falls of the probability of `answer` from `whole`; what spoke against it has one below zero.

    words : pieces of the question, which in sum are all of it, with the fall of each; None between words.
    regions : [GRID][GRID], from the top left on; None without a picture.
    """

    answer: str
    whole: float
    words: tuple[tuple[str, float | None], ...] = ()
    regions: tuple[tuple[float, ...], ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """As data that `render_card` draws."""
        return asdict(self)


def occlude(
    answers: Callable[[Sequence[str | None], Sequence[bytes | None]], Floats],
    question: str | None,
    picture: bytes | None,
    answer: str,
) -> Occlusion:
    """Hide every part in turn.

    answers : probabilities [V] of `answer` to V questions about V pictures. picture : a file that can be decoded.
    """
    pieces = question_pieces(question) if question is not None and question.strip() else []
    places = [i for i, (_, word) in enumerate(pieces) if word]
    without = ["".join(text for i, (text, _) in enumerate(pieces) if i != place) for place in places]
    shown = hidden_pictures(decode_image(picture)) if picture is not None else []
    questions = [question, *without, *[question] * len(shown)]
    found = answers(questions, [*[picture] * (1 + len(without)), *shown])
    words, regions = np.split(found[1:], [len(without)])
    of_word = dict(zip(places, (found[0] - words).tolist(), strict=True))
    return Occlusion(
        answer,
        float(found[0]),
        tuple((text, of_word.get(i)) for i, (text, _) in enumerate(pieces)),
        cell_means(regions[0] - regions[1:]) if shown else None,
    )


def question_pieces(question: str) -> list[tuple[str, bool]]:
    """A question in pieces that are its words (or characters, where these stand unspaced), and what is between."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _PIECE.finditer(question):
        if found.start() > end:
            pieces.append((question[end : found.start()], False))
        pieces.append((found.group(), True))
        end = found.end()
    if end < len(question):
        pieces.append((question[end:], False))
    words = sum(word for _, word in pieces)
    if words <= MOST_PIECES:
        return pieces
    size = -(-len(pieces) // MOST_PIECES)
    return [
        ("".join(text for text, _ in pieces[begin : begin + size]), True)
        for begin in range(0, len(pieces), size)
    ]


def hidden_pictures(picture: Image.Image) -> list[bytes]:
    """The picture as it is, at LONGEST, and once for every place of the window, filled with the picture's mean colour.

    The first is what the others are compared with: that a picture was made smaller hides nothing of it.
    """
    small = picture.convert("RGB")
    small.thumbnail((LONGEST, LONGEST))
    pixels = np.asarray(small)
    mean = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    down, across = (np.linspace(0, side, GRID + 1).round().astype(int) for side in pixels.shape[:2])
    made = [pixels]
    for row in range(GRID - WINDOW + 1):
        for column in range(GRID - WINDOW + 1):
            hidden = pixels.copy()
            hidden[down[row] : down[row + WINDOW], across[column] : across[column + WINDOW]] = mean
            made.append(hidden)
    return [_file(one) for one in made]


def _file(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=1)
    return file.getvalue()


def cell_means(falls: Floats) -> tuple[tuple[float, ...], ...]:
    """Falls of all places of the window -> those of cells, each the mean of the places that hid it."""
    places = GRID - WINDOW + 1
    square = falls.reshape(places, places)
    total, count = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
    for row in range(WINDOW):
        for column in range(WINDOW):
            total[row : row + places, column : column + places] += square
            count[row : row + places, column : column + places] += 1
    return tuple(tuple(line) for line in (total / count).tolist())
