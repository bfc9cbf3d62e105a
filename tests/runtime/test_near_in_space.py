"""Pictures at nearly the same place of a space: planted copies are found across splits, different pictures are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import motet as motet_package
from motet.data import ImageCells, infer_schema, read_table
from motet.data.duplicates import joined_numbers
from motet.deployment import MatchOptions, build_match_model
from motet.errors import TableError
from motet.runtime.near_in_space import NEIGHBOURS, _nearest, near_in_space, nearness
from motet.training.match_settings import MatchSettings

PICTURES = 60


def drawn(seed: int) -> Image.Image:
    """A picture of its own: coarse patches in colours that the seed chooses, upright and mirrored alike or not."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((160, 120), Image.Resampling.BICUBIC)


def saved(picture: Image.Image, form: str = "PNG") -> bytes:
    file = BytesIO()
    picture.save(file, form)
    return file.getvalue()


@pytest.fixture(scope="module")
def photos() -> pa.Table:
    """Different pictures, then a crop of 3, a copy of 5 as another file, and the very file of 7."""
    pictures = [saved(drawn(seed)) for seed in range(PICTURES)]
    cropped = drawn(3).crop((12, 9, 148, 111))
    pictures += [saved(cropped), saved(drawn(5), "JPEG"), pictures[7]]
    words = [f"pattern number {row}" for row in range(len(pictures))]
    sides = ["train", "val", "test"] * (PICTURES // 3) + ["test"] * 3
    return pa.table({"photo": pictures, "words": words, "split": sides})


@pytest.fixture(scope="module")
def space(photos: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = read_table(photos)
    schema = infer_schema(table, image=["photo"], text=["words"], split="split")
    place = tmp_path_factory.mktemp("near") / "space"
    small = MatchSettings(width=64, hidden=32, epochs=2, least_steps=4, members=1)
    build_match_model(table, schema, place, MatchOptions(("descriptor",), ("lexical",), training=small))
    return place


def test_copies_are_found_and_nothing_else(photos: pa.Table, space: Path) -> None:
    found = near_in_space(motet_package.load(space), read_table(photos), ("photo",))
    assert sorted(group.tolist() for group in found.groups) == [[3, PICTURES], [5, PICTURES + 1]]
    assert "cropped to 80 %" in found.note and "mirrored" in found.note


def test_a_file_that_stands_twice_is_one_picture(photos: pa.Table, space: Path) -> None:
    """With a near copy of it both rows are told; alone it is the exact duplicate that is found already."""
    table = photos.slice(0, PICTURES).to_pylist()
    more = [dict(table[3]), dict(table[7]), {**table[3], "photo": saved(drawn(3), "JPEG")}]
    found = near_in_space(motet_package.load(space), read_table([*table, *more]), ("photo",))
    assert [group.tolist() for group in found.groups] == [[3, PICTURES, PICTURES + 2]]


def test_few_or_no_pictures(photos: pa.Table, space: Path) -> None:
    model = motet_package.load(space)
    few = near_in_space(model, read_table(photos.slice(0, 19)), ("photo",))
    assert few.groups == [] and few.note.startswith("19 different pictures: not compared")
    with pytest.raises(TableError, match="no column of pictures to compare"):
        near_in_space(model, read_table(photos), ())


def test_a_broken_picture_beside_a_whole_one_hides_no_row(photos: pa.Table, space: Path) -> None:
    """Each row has a second picture that is none: copies are found by the first."""
    broken = pa.array([b"nothing"] * len(photos), pa.binary())
    table = read_table(photos.append_column("back", broken))
    found = near_in_space(motet_package.load(space), table, ("photo", "back"))
    assert sorted(group.tolist() for group in found.groups) == [[3, PICTURES], [5, PICTURES + 1]]


def test_inspect_tells_of_them(
    motet: Callable[..., Any], photos: pa.Table, space: Path, tmp_path: Path, model_directory: Path
) -> None:
    import pyarrow.parquet as pq

    pq.write_table(photos, tmp_path / "photos.parquet")
    asked = ("inspect", tmp_path / "photos.parquet", "--image", "photo")
    assert "near_space" not in json.loads(motet(*asked, "--json").out)["duplicates"]
    found = json.loads(motet(*asked, "--model", space, "--json").out)
    near = found["duplicates"]["near_space"]
    assert (near["groups"], near["rows"], near["across_splits"]) == (2, 4, 1)  # rows 3 train, 5 test
    assert [3, PICTURES] in near["examples"]
    said = [one["message"] for one in found["warnings"]]
    assert any(
        "1 group of rows with pictures at nearly the same place in the space across" in one for one in said
    )
    shown = motet(*asked, "--model", space).out
    assert "pictures at nearly the same place in the space" in shown
    for arguments, words in (
        ((*asked, "--model", model_directory), "has no space for pictures: it was trained to classify"),
        ((*asked, "--model", tmp_path / "nothing"), "no such model directory"),
    ):
        refused = motet(*arguments)
        assert refused.code == 2 and words in refused.err, refused.err


def test_the_cosine_by_hand() -> None:
    """Quartiles .5 and .56745: one deviation is .1, so 2.5 above the median is .75; crops of .8 raise it."""
    others = np.array([0.4, 0.45, 0.5, 0.56745, 0.7])
    assert nearness(others, np.full(9, 0.1)) == pytest.approx(0.75)
    assert nearness(others, np.full(9, 0.8)) == pytest.approx(0.8)
    assert nearness(np.full(9, 1.0), np.full(9, 1.0)) == 0.9999


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_copies_in_the_table_hardly_move_the_cosine(share: float) -> None:
    random = np.random.default_rng(0)
    others = random.normal(0.5, 0.05, 2_000)
    copied = np.where(random.random(2_000) < share, 0.97, others)
    low = np.zeros(9)
    assert nearness(others, low) - 0.01 < nearness(copied, low) < 0.9


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_pairs_join_what_they_connect(pairs: list[tuple[int, int]]) -> None:
    """Against sets that are merged until nothing changes."""
    sets = [{thing} for thing in range(12)]
    for one, other in pairs:
        first, second = (next(group for group in sets if thing in group) for thing in (one, other))
        if first is not second:
            sets.remove(second)
            first |= second
    one, other = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    numbers = joined_numbers(one, other, 12)
    made = {number: set(np.flatnonzero(numbers == number).tolist()) for number in numbers.tolist()}
    assert sorted(map(sorted, made.values())) == sorted(map(sorted, sets))


@pytest.mark.parametrize("number", [20, 1_500])
def test_neighbours_against_all_with_all(number: int) -> None:
    """1,500 rows are two blocks of queries; some stand at one place, where a row must not be its own neighbour."""
    made = np.random.default_rng(number).normal(size=(number, 8)).astype(np.float32)
    made[5:19] = made[4]
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    cosines = made @ made.T
    np.fill_diagonal(cosines, -2)
    scores, others = _nearest(made)
    assert scores.shape == (number, NEIGHBOURS) and not (others == np.arange(number)[:, None]).any()
    np.testing.assert_allclose(scores, -np.sort(-cosines, axis=1)[:, :NEIGHBOURS], atol=1e-5)


def test_a_row_of_several_pictures_is_one_place(photos: pa.Table, space: Path) -> None:
    """Its changed copies are those of all its pictures."""
    table = photos.append_column("second", photos.column("photo").take(pa.array(np.roll(np.arange(63), 1))))
    found = near_in_space(motet_package.load(space), read_table(table), ("photo", "second"))
    cells = ImageCells(read_table(table), ("photo", "second"))
    assert cells.present.all() and "cosine of" in found.note
