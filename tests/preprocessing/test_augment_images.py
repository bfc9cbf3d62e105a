"""Changes of pictures: any size, repeatable, the given one left alone, and each does what its name says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.errors import UsageError
from motet.preprocessing.augment_images import IMAGE_CHANGES, edge_colour
from motet.preprocessing.randaugment import CHANGES, RandAugment, parse_randaugment

EVERY = {**IMAGE_CHANGES, "randaugment": RandAugment(), "randaugment:14:30": RandAugment(14, 30)}


def drawn(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def ramp(width: int = 100, height: int = 100) -> Image.Image:
    """Brightness is the number of the column."""
    return Image.fromarray(np.tile(np.arange(width, dtype=np.uint8)[None, :, None], (height, 1, 3)))


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_every_change_gives_a_picture_of_the_same_size_and_leaves_its_own(
    name: str, width: int, height: int, seed: int
) -> None:
    picture = drawn(width, height)
    before = picture.tobytes()
    made, again = (EVERY[name](picture, np.random.default_rng(seed)) for _ in range(2))
    assert made is not picture and picture.tobytes() == before
    assert made.mode == "RGB" and made.size == picture.size
    assert made.tobytes() == again.tobytes()


@pytest.mark.parametrize("name", EVERY)
def test_every_change_changes_some_pictures_and_not_all_in_the_same_way(name: str) -> None:
    picture = drawn(24, 24)
    made = {EVERY[name](picture, np.random.default_rng(seed)).tobytes() for seed in range(40)}
    assert len(made - {picture.tobytes()}) >= 1 and len(made) >= 2


@pytest.mark.parametrize("seed", range(20))
def test_a_crop_keeps_half_of_the_area_or_more(seed: int) -> None:
    """A width of w columns shows w - 1 steps of the ramp; w h / 100^2 is .5 or more, but for half a pixel each way."""
    across = np.asarray(IMAGE_CHANGES["crop"](ramp(), np.random.default_rng(seed)))[50, :, 0].astype(int)
    down_ramp = ramp().transpose(Image.Transpose.ROTATE_90)
    down = np.asarray(IMAGE_CHANGES["crop"](down_ramp, np.random.default_rng(seed)))[:, 50, 0].astype(int)
    sides = [np.ptp(shown) + 3 for shown in (across, down)]
    assert sides[0] * sides[1] >= 0.5 * 100 * 100
    assert max(sides) / min(sides) <= 4 / 3 * 1.07


def test_half_of_the_pictures_are_flipped() -> None:
    picture = drawn(9, 5)
    mirrored = np.asarray(picture)[:, ::-1].tobytes()
    random = np.random.default_rng(0)
    made = [IMAGE_CHANGES["flip"](picture, random).tobytes() for _ in range(400)]
    assert set(made) == {picture.tobytes(), mirrored}
    assert abs(made.count(mirrored) - 200) < 4 * math.sqrt(100)  # four deviations of 400 fair coins


@pytest.mark.parametrize("name", ["rotate", "randaugment:14:30"])
def test_what_comes_into_view_has_the_colour_of_the_edge(name: str) -> None:
    assert edge_colour(ramp(100, 100)) == (
        50,
        50,
        50,
    )  # 0 and 99 as often, and 1 to 98 twice: the median is 49.5
    blue = Image.new("RGB", (40, 40), (20, 40, 200))
    if name == "rotate":
        for seed in range(5):
            assert IMAGE_CHANGES[name](blue, np.random.default_rng(seed)).tobytes() == blue.tobytes()
    for change in ("rotate", "shear-x", "shear-y", "translate-x", "translate-y"):
        assert CHANGES[change](blue, 1.0).tobytes() == blue.tobytes()


def test_what_is_erased_is_one_rectangle_of_a_fiftieth_to_a_fifth_in_the_mean_colour() -> None:
    picture = ramp(200, 200)
    for seed in range(20):
        made = np.asarray(IMAGE_CHANGES["erase"](picture, np.random.default_rng(seed)))
        rows, columns = np.nonzero((made != np.asarray(picture)).any(axis=2))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        inside = made[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (inside == round(199 / 2)).all() or set(np.unique(inside)) == {100}
        assert 0.02 * 0.9 <= height * width / 200**2 <= 0.2 * 1.1


def test_fourteen_changes_of_the_paper_at_the_ends_of_their_ranges() -> None:
    picture = drawn(40, 40)
    pixels = np.asarray(picture)
    assert len(CHANGES) == 14
    for name in set(CHANGES) - {"autocontrast", "equalize"}:
        np.testing.assert_allclose(np.asarray(CHANGES[name](picture, 0.0)), pixels, err_msg=name)
    np.testing.assert_array_equal(np.asarray(CHANGES["solarize"](picture, 1.0)), 255 - pixels)
    np.testing.assert_array_equal(np.asarray(CHANGES["posterize"](picture, -1.0)), pixels & 0xF0)
    # .45 of 40 pixels is 18
    np.testing.assert_array_equal(np.asarray(CHANGES["translate-x"](picture, 1.0))[:, :22], pixels[:, 18:])
    np.testing.assert_array_equal(np.asarray(CHANGES["translate-y"](picture, -1.0))[18:], pixels[:22])
    dark = np.asarray(CHANGES["brightness"](picture, -1.0)).astype(int)
    np.testing.assert_allclose(dark, pixels * 0.1, atol=1)


def test_randaugment_is_read_from_its_name() -> None:
    assert parse_randaugment("randaugment") == RandAugment(2, 9)
    assert parse_randaugment("randaugment:3:12") == RandAugment(3, 12)
    for wrong in (
        "randaugment:3",
        "randaugment:a:b",
        "randaugment:0:9",
        "randaugment:2:31",
        "randaugment:2:9:1",
    ):
        with pytest.raises(UsageError, match="randaugment"):
            parse_randaugment(wrong)
