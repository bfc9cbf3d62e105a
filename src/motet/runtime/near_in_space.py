"""Pictures that lie nearly at the same point of a model's space: copies that were cropped, mirrored or recoloured.

The cosine from which two count as nearly the same is found on the table itself, since each space has its own: copies
are made of some of its pictures, and the space is asked how near they lie.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageEnhance, ImageOps

from motet.data import ImageCell, ImageCells, Table
from motet.data.duplicates import NearInSpace, groups_of, joined_numbers, media_digests, number_rows
from motet.errors import MediaError, TableError
from motet.progress import progress
from motet.retrieval.exact import PIECE, nearest
from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
NEIGHBOURS = 10
QUERIES = 1024
FEWEST, MOST = (
    20,
    50_000,
)  # different pictures that are compared: of fewer, nothing is usual; of more, it takes minutes
SAMPLE = 100
KEPT = 0.05  # share of cropped copies that may be missed, where the space tells them from other pictures
DEVIATIONS = (
    2.5  # above the usual nearest neighbour: one in 160, were the cosines of different pictures normal
)
SAME = 0.9999
CROPPED = "cropped to 80 %"
PART = 0.8  # of a picture's sides that a crop keeps


def near_in_space(model: MatchModel, table: Table, columns: tuple[str, ...]) -> NearInSpace:
    """Sets of rows whose pictures lie nearer to each other than different pictures do, and a note on how that was told.

    columns : the columns of pictures. Each picture is compared with its ten nearest, in pieces; copies of one file
    count as one picture and are no find. Raises TableError without a column of pictures.
    """
    if not columns:
        raise TableError(
            f"{table.name}: no column of pictures to compare in the space: name one with --image"
        )
    cells = ImageCells(table, columns)
    filled = np.flatnonzero(cells.present)
    numbers = number_rows(media_digests(cells, filled)[0])
    different = len(np.unique(numbers))
    if different > MOST:  # said before they are all encoded
        return NearInSpace([], f"{different:,} different pictures: not compared in the space of the model")
    seen = model.embed_images(cells, filled)
    rows, numbers = filled[seen.present], numbers[seen.present]
    _, first, picture = np.unique(numbers, return_index=True, return_inverse=True)
    vectors = seen.vectors[seen.present][first]
    if len(vectors) < FEWEST:
        return NearInSpace([], f"{len(vectors):,} different pictures: not compared in the space of the model")
    scores, others = _nearest(vectors)
    made = changed_copies(model, cells, rows[first])
    least = nearness(scores[:, 0], made[CROPPED])
    one, place = np.nonzero(scores >= least)
    joined = joined_numbers(one, others[one, place], len(vectors))
    alone = np.bincount(joined, minlength=len(vectors)) == 1
    mine = ~alone[joined[picture]]
    shares = ", ".join(f"{(cosines >= least).mean():.0%} {name}" for name, cosines in made.items())
    return NearInSpace(
        groups_of(joined[picture[mine]], rows[mine]),
        f"pictures at nearly the same place have a cosine of {least:.3f} or more; of copies made of some pictures that "
        f"finds {shares}",
    )


def nearness(nearest_other: Floats, cropped: Floats) -> float:
    """The cosine from which two pictures count as nearly the same.

    nearest_other [n] : of each picture with its nearest, most of which are different pictures: 2.5 deviations above
    their median, both taken from the quartiles, which a share of copies below a quarter hardly moves. cropped [m] : of
    pictures with a crop of theirs: where 19 of 20 lie higher still, the cosine is raised to what those reach. At most
    .9999, which vectors that are equal but for rounding have.
    """
    middle, upper = np.quantile(nearest_other, [0.5, 0.75])
    usual = middle + DEVIATIONS * (upper - middle) / 0.6745  # the upper quartile of a normal, in deviations
    return float(min(max(usual, np.quantile(cropped, KEPT)), SAME))


def changed_copies(model: MatchModel, cells: ImageCells, rows: Rows) -> dict[str, Floats]:
    """By what was done to them, cosines [m] of changed copies of some pictures, an even sample, with the originals."""
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64))]
    pictures, kept = [], []
    for row, found in zip(sample.tolist(), cells.take(sample), strict=True):
        read = [picture for picture in map(_picture, found) if picture is not None]
        if read:
            pictures.append(read)
            kept.append(row)
    original = model.embed_images(cells, np.array(kept, np.int64)).vectors
    made = {}
    for name, change in CHANGES.items():
        wide = max(map(len, pictures), default=0)
        columns = {
            str(place): pa.array(
                [_saved(change(of_row[place])) if place < len(of_row) else None for of_row in pictures],
                pa.large_binary(),
            )
            for place in range(wide)
        }
        copies = ImageCells(Table(pa.table(columns)), tuple(columns))
        made[name] = (model.embed_images(copies).vectors * original).sum(axis=1)
    return made


def _nearest(vectors: Floats) -> tuple[Floats, Rows]:
    """Cosines and places [n, k] of the nearest others of each of n vectors, from high to low."""

    def pieces() -> Iterator[tuple[Rows, Floats]]:
        for begin in range(0, len(vectors), PIECE):
            yield np.arange(begin, min(begin + PIECE, len(vectors))), vectors[begin : begin + PIECE]

    scores, places = [], []
    with progress("comparing pictures in the space", len(vectors)) as advance:
        for begin in range(0, len(vectors), QUERIES):
            asked = vectors[begin : begin + QUERIES]
            high, found = nearest(asked, NEIGHBOURS + 1, pieces)
            own = found == np.arange(begin, begin + len(asked))[:, None]
            own[~own.any(axis=1), -1] = True  # where ties hide a picture behind others at its own place
            scores.append(high[~own].reshape(len(asked), -1))
            places.append(found[~own].reshape(len(asked), -1))
            advance(len(asked))
    return np.concatenate(scores), np.concatenate(places)


def _picture(cell: ImageCell) -> Image.Image | None:
    """The picture of a cell; None where it is broken, as it is in the row's vector."""
    try:
        return cell.picture(cell.read())
    except MediaError:
        return None


def _saved(picture: Image.Image, quality: int = 95) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    edge = (1 - PART) / 2
    return picture.resize(
        (max(1, round(PART * width)), max(1, round(PART * height))),
        box=(edge * width, edge * height, (1 - edge) * width, (1 - edge) * height),
    )


def _recoloured(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(ImageEnhance.Color(picture).enhance(1.5)).enhance(1.15)


def _coarse(picture: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(_saved(picture, 30))).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    CROPPED: _cropped,
    "mirrored": ImageOps.mirror,
    "recoloured": _recoloured,
    "saved as a coarse JPEG": _coarse,
}
