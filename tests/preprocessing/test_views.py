"""Views of cells: rows themselves as they were, views by seed, number and content, each under a key of its own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from motet.data import Cells, ImageCells, TextCells, read_table
from motet.errors import MediaError
from motet.preprocessing.augment_images import IMAGE_CHANGES
from motet.preprocessing.augment_texts import TEXT_CHANGES
from motet.preprocessing.views import ImageViews, TextViews

FLIP = {"crop": IMAGE_CHANGES["crop"]}
DROP = {"drop": TEXT_CHANGES["drop"]}


def png(seed: int, size: tuple[int, int] = (20, 16)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def images(*values: bytes | None, views: int = 2, seed: int = 0) -> ImageViews:
    table = read_table({"image": list(values)})
    return ImageViews(ImageCells(table, ["image"]), views, FLIP, seed)


def keys(cells: ImageCells, rows: Sequence[int]) -> list[bytes]:
    return [cell.key(cell.read()) for (cell,) in cells.take(np.array(rows))]


def texts(columns: dict[str, list[str | None]], views: int = 1, seed: int = 0, **more: object) -> TextViews:
    return TextViews(TextCells(read_table(columns), list(columns)), views, DROP, 0.3, seed, **more)  # type: ignore[arg-type]


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def test_a_row_itself_is_as_it_was_and_a_view_has_a_key_of_its_own() -> None:
    cells = images(png(0), png(1))
    assert len(cells) == 6 and cells.present.all()
    found = keys(cells, range(6))
    assert found[:2] == [hashlib.blake2b(png(n), digest_size=16).digest() for n in range(2)]
    assert len(set(found)) == 6
    (own,), (view,) = cells.take(rows(0, 2))
    assert own.picture(png(0)).tobytes() == Image.open(io.BytesIO(png(0))).tobytes()
    assert view.picture(png(0)).tobytes() != own.picture(png(0)).tobytes()
    assert (view.row, view.column) == (0, "image")


def test_a_view_depends_on_content_seed_and_number_not_on_the_row() -> None:
    one, other = images(png(0), png(1)), images(png(1), png(0))
    assert keys(one, [2, 4]) == keys(other, [3, 5])
    assert keys(one, [2]) != keys(images(png(0), png(1), seed=1), [2])
    (view,), (same,) = one.take(rows(2))[0], other.take(rows(3))[0]
    assert view.picture(png(0)).tobytes() == same.picture(png(0)).tobytes()


def test_empty_and_broken_pictures_stay_so() -> None:
    cells = images(png(0), None, b"broken", views=1)
    assert cells.present.tolist() == [True, False, True] * 2
    assert cells.take(rows(4)) == [[]]
    ((broken,),) = cells.take(rows(5))
    with pytest.raises(MediaError):
        broken.picture(broken.read())


def test_huge_pictures_are_made_smaller_before_they_are_changed() -> None:
    ((view,),) = images(png(0, (1400, 700)), views=1).take(rows(1))
    assert view.picture(view.read()).size == (512, 256)


def test_names_of_columns_are_not_changed_and_each_column_is() -> None:
    data: dict[str, list[str | None]] = {
        "title": ["a brass lamp with a shade", None],
        "body": ["one two three four five six", "an oak chair"],
    }
    cells = texts(data)
    own, alone, view, view_alone = cells.take(rows(0, 1, 2, 3))
    assert own == "title: a brass lamp with a shade\nbody: one two three four five six"
    assert alone == "body: an oak chair"
    title, body = view.split("\n")
    assert title.startswith("title: ") and len(title.split()) == 1 + 4  # of 6 words .3 are 2
    assert body.startswith("body: ") and len(body.split()) == 1 + 4
    assert view_alone.startswith("body: ") and len(view_alone.split()) == 1 + 2
    assert len({bytes(key) for key in cells.digests(rows(0, 1, 2, 3))}) == 4


def test_a_text_has_the_same_view_wherever_it_stands() -> None:
    sentence = "one two three four five six seven eight"
    cells = texts({"text": [sentence, "other words here", sentence]}, views=2)
    made = cells.take(rows(3, 5, 6, 8))
    assert made[0] == made[1] and made[2] == made[3] and made[0] != made[2]
    assert cells.take(rows(3)) != texts({"text": [sentence]}, seed=1).take(rows(1))


def test_what_draws_a_translation_is_translated_together_and_nothing_else() -> None:
    asked: list[list[str]] = []

    def translate(some: Sequence[str]) -> list[str]:
        asked.append(list(some))
        return ["" if "7" in text else text.upper() for text in some]

    sentences: list[str | None] = [f"one two three {n}" for n in range(40)]
    cells = texts({"text": sentences}, translate=translate)
    assert cells.take(np.arange(40)) == sentences and not asked
    made = cells.take(np.arange(40, 80))
    (some,) = asked
    assert 8 <= len(some) <= 32  # half of 40, within four deviations
    for text, view in zip(sentences, made, strict=True):
        assert text is not None
        if text in some:
            assert view == (text if "7" in text else text.upper())  # an empty translation is none
        else:
            assert len(view.split()) == 3


def test_both_are_cells_that_encoders_know() -> None:
    made: list[Cells] = [images(png(0)), texts({"text": ["a b"]})]
    assert [cells.modality for cells in made] == ["image", "text"]
