"""Further views of rows: the same cells, changed a little, as cells that encoders read like any others.

Of N rows of a table, rows N to 2 N - 1 are the first views of each, and so on. What is drawn for a view follows from
the seed, the number of the view and the content of the cell, so that a view is the same wherever its row stands. Its
key for caches is another than that of the cell: a view is encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from PIL import Image

from motet.data import ImageCells, MediaCell, TextCells
from motet.data.media_cells import DIGEST
from motet.data.text_cells import MAX_CHARACTERS
from motet.preprocessing import augment_images, augment_texts

Rows = npt.NDArray[np.int64]
Translate = Callable[[Sequence[str]], list[str]]

ALGORITHM = 1  # counts up whenever the same picture would be changed otherwise
LONGEST_SIDE = 512  # pixels: changing larger pictures would take longer than encoding them


@dataclass(frozen=True)
class PictureView(MediaCell):
    """One picture of one row, to be changed once it is decoded."""

    changes: Mapping[str, augment_images.Change] = field(default_factory=dict, repr=False)
    number: int = 1  # of the view
    seed: int = 0

    def key(self, data: bytes) -> bytes:
        """Key of these bytes as this view changes them."""
        recipe = f"{ALGORITHM} {self.seed} {self.number} {' '.join(self.changes)}".encode()
        return _digest(data, recipe)

    def picture(self, data: bytes) -> Image.Image:
        """Decode and change; raises MediaError as `MediaCell.picture` does."""
        picture = super().picture(data)
        if max(picture.size) > LONGEST_SIDE:
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        random = _generator(self.key(data))
        for change in self.changes.values():
            picture = change(picture, random)
        return picture


class ImageViews(ImageCells):
    """The pictures of a table's rows, then `views` changed ones of each.

    changes : by name, all of them applied in order. Names are part of a view's key.
    """

    def __init__(
        self, cells: ImageCells, views: int, changes: Mapping[str, augment_images.Change], seed: int
    ) -> None:
        vars(self).update(vars(cells))
        self._rows, self._changes, self._seed = len(cells), dict(changes), seed
        self.present = np.tile(cells.present, views + 1)

    def take(self, rows: Rows) -> list[list[MediaCell]]:
        """Return the pictures of each row: one for each column that is not empty."""
        view, row = np.divmod(np.asarray(rows, np.int64), self._rows)
        return [
            [self._view(cell, number) if number else cell for cell in cells]
            for cells, number in zip(super().take(row), view.tolist(), strict=True)
        ]

    def _view(self, cell: MediaCell, number: int) -> PictureView:
        return PictureView(cell.row, cell.column, cell.value, cell.root, self._changes, number, self._seed)


class TextViews(TextCells):
    """The texts of a table's rows, then `views` changed ones of each.

    changes : by name; each text of each view draws one. share : of the words, or half of it of the characters, that are
    changed. translate : gives a translation back and forth of each of some texts; it is drawn like any change.
    """

    def __init__(
        self,
        cells: TextCells,
        views: int,
        changes: Mapping[str, augment_texts.Change],
        share: float,
        seed: int,
        *,
        translate: Translate | None = None,
    ) -> None:
        vars(self).update(vars(cells))
        self._rows, self._changes, self._share, self._seed = len(cells), dict(changes), share, seed
        self._translate = translate
        self.present = np.tile(cells.present, views + 1)

    def _cells(self, rows: Rows) -> dict[str, list[str]]:
        view, row = np.divmod(np.asarray(rows, np.int64), self._rows)
        return {name: self._changed(name, texts, view) for name, texts in super()._cells(row).items()}

    def _changed(self, column: str, texts: list[str], view: Rows) -> list[str]:
        made = list(texts)
        names = [*self._changes, *["translate"] * (self._translate is not None)]
        to_translate = []
        for place in np.flatnonzero(view).tolist() if names else ():
            text = texts[place]
            if not text.strip():
                continue
            recipe = f"{self._seed} {view[place]} {column}".encode()
            random = _generator(_digest(text.encode(), _digest(recipe)))
            name = names[int(random.integers(len(names)))]
            if name not in self._changes:
                to_translate.append(place)
                continue
            share = self._share / 2 if name.startswith("char-") else self._share
            made[place] = self._changes[name](text, random, share)[:MAX_CHARACTERS]
        if self._translate is not None and to_translate:
            translated = self._translate([texts[place] for place in to_translate])
            for place, text in zip(to_translate, translated, strict=True):
                made[place] = text[:MAX_CHARACTERS] if text.strip() else texts[place]
        return made


def _digest(data: bytes, key: bytes = b"") -> bytes:
    return blake2b(data, digest_size=DIGEST, key=key if len(key) <= 64 else _digest(key)).digest()


def _generator(key: bytes) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(key, "little"))
