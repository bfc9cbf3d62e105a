from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.encoders import descriptor
from motet.encoders.descriptor import (
    DescriptorEncoder,
    colour_histogram,
    colour_moments,
    hog,
    texture_histogram,
)

ENCODER = DescriptorEncoder()


def random_picture(width: int, height: int, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def slow_hog(pixels: np.ndarray, cells: int) -> np.ndarray:
    """Dalal and Triggs with a loop over pixels: each vote shared by hand among 2 orientations and 4 cells."""
    size = pixels.shape[0]
    grid = np.zeros((cells, cells, 9))
    for y in range(size):
        for x in range(size):
            best = (-1.0, 0.0, 0.0)
            for channel in range(3):
                gx = pixels[y, x + 1, channel] - pixels[y, x - 1, channel] if 0 < x < size - 1 else 0.0
                gy = pixels[y + 1, x, channel] - pixels[y - 1, x, channel] if 0 < y < size - 1 else 0.0
                if gx * gx + gy * gy > best[0]:
                    best = (gx * gx + gy * gy, gx, gy)
            strength = math.sqrt(best[0])
            degrees = math.degrees(math.atan2(best[2], best[1])) % 180.0
            # Bin k is centred on 20 k + 10 degrees.
            place = degrees / 20 - 0.5
            low = math.floor(place)
            for orientation, angle_share in ((low % 9, low + 1 - place), ((low + 1) % 9, place - low)):
                cy, cx = (y + 0.5) * cells / size - 0.5, (x + 0.5) * cells / size - 0.5
                for row in (math.floor(cy), math.floor(cy) + 1):
                    for column in (math.floor(cx), math.floor(cx) + 1):
                        if 0 <= row < cells and 0 <= column < cells:
                            share = (1 - abs(cy - row)) * (1 - abs(cx - column))
                            grid[row, column, orientation] += strength * angle_share * share
    blocks = np.zeros((cells - 1, cells - 1, 36))
    for row in range(cells - 1):
        for column in range(cells - 1):
            four = [
                grid[row, column],
                grid[row, column + 1],
                grid[row + 1, column],
                grid[row + 1, column + 1],
            ]
            vector = np.concatenate(four)
            flat = descriptor.FLAT_GRADIENT * (size / cells) ** 2
            vector = np.minimum(vector / math.sqrt((vector**2).sum() + flat**2), 0.2)
            blocks[row, column] = vector / math.sqrt((vector**2).sum() + 1e-6)
    return blocks


@pytest.mark.parametrize(("size", "cells"), [(12, 2), (24, 4), (20, 3)])
def test_hog_equals_a_loop_over_pixels(size: int, cells: int) -> None:
    pixels = np.random.default_rng(size).random((size, size, 3)).astype(np.float32)
    pixels[: size // 2, : size // 2] *= 0.01  # a nearly flat corner, where the constant of the norm matters
    assert np.allclose(hog(pixels, cells), slow_hog(pixels.astype(float), cells), atol=2e-4)


def test_hog_does_not_see_added_brightness_and_hardly_sees_contrast() -> None:
    pixels = np.random.default_rng(0).random((96, 96, 3)).astype(np.float32) / 2
    described = hog(pixels, 6)
    assert np.allclose(hog(pixels + np.float32(0.25), 6), described, atol=1e-4)
    assert np.allclose(hog(pixels * np.float32(1.8), 6), described, atol=5e-3)


def test_hog_of_a_mirrored_picture_is_the_same_numbers_in_other_places() -> None:
    pixels = np.random.default_rng(1).random((48, 48, 3)).astype(np.float32)
    grid = hog(pixels, 4).reshape(3, 3, 2, 2, 9)
    mirrored = hog(pixels[:, ::-1], 4).reshape(3, 3, 2, 2, 9)
    # Orientation a becomes 180 - a: bin k, centred on 20 k + 10, becomes bin 8 - k.
    assert np.allclose(mirrored, grid[:, ::-1, :, ::-1, ::-1], atol=1e-4)


def test_a_vertical_edge_votes_for_horizontal_gradients() -> None:
    pixels = np.zeros((96, 96, 3), np.float32)
    pixels[:, 48:] = 1
    votes = hog(pixels, 6).reshape(5, 5, 4, 9).sum(axis=(0, 1, 2))
    # 0 degrees lies midway between the centres of the last bin (-10) and the first (10).
    assert votes[0] == pytest.approx(votes[8], rel=1e-5)
    assert votes[0] > 0 and np.allclose(votes[1:8], 0)


def test_colour_histogram_of_a_half_red_half_blue_zone() -> None:
    picture = Image.new("RGB", (8, 8), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 0, 4, 8))
    histogram = colour_histogram(np.asarray(picture.convert("HSV")), 1)
    # Half of the pixels in each of two bins: sqrt(1/2) twice. Red is hue 0; blue is hue 170 of 256: 5 of 8.
    bins = {(0 * 3 + 2) * 3 + 2, (5 * 3 + 2) * 3 + 2}
    assert set(np.flatnonzero(histogram[0])) == bins
    assert np.allclose(histogram[0, sorted(bins)], math.sqrt(0.5))


def test_colour_moments_of_one_colour() -> None:
    pixels = np.broadcast_to(np.asarray([0.9, 0.3, 0.6], np.float32), (16, 16, 3))
    moments = colour_moments(pixels, 4)
    # (.9+.3+.6)/3 = .6; .9-.3 = .6; (.9+.3)/2-.6 = 0; no deviation.
    assert np.allclose(moments[:3].reshape(3, -1), np.asarray([[0.6], [0.6], [0.0]]), atol=1e-5)
    assert np.allclose(moments[3:], 0, atol=1e-3)


def test_texture_has_the_58_uniform_patterns_and_does_not_see_brightness() -> None:
    assert (
        len(set(descriptor._uniform_patterns())) == 59
    )  # P (P - 1) + 2 = 58 for P = 8, and one for the rest
    grey = np.random.default_rng(2).integers(0, 32, (32, 32)).astype(np.float32) / 64
    assert np.array_equal(texture_histogram(grey, 2), texture_histogram(grey + np.float32(0.25), 2))
    # A flat picture has no brighter neighbours: pattern 0 everywhere.
    assert np.array_equal(texture_histogram(np.ones((9, 9), np.float32), 1)[0], np.eye(59)[0])


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (96, 96), (3000, 40)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    described = ENCODER.describe([random_picture(*size, seed=3), Image.new("RGB", size, "white")])
    assert described.shape == (2, ENCODER.width) and described.dtype == np.float32
    assert np.isfinite(described).all() and np.abs(described).max() <= 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9)), max_size=4))
def test_a_picture_is_described_alike_alone_and_among_others(drawn: list[tuple[int, int, int]]) -> None:
    pictures = [random_picture(*one) for one in drawn]
    together = ENCODER.describe(pictures)
    assert together.shape == (len(pictures), ENCODER.width)
    for row, picture in enumerate(pictures):
        assert np.array_equal(ENCODER.describe([picture])[0], together[row])


def test_an_enlarged_picture_is_described_nearly_alike() -> None:
    smooth = random_picture(8, 8, seed=4).resize((192, 192), Image.Resampling.BICUBIC)
    once, twice = ENCODER.describe([smooth, smooth.resize((400, 400), Image.Resampling.BICUBIC)])
    other = ENCODER.describe([random_picture(8, 8, seed=5).resize((192, 192), Image.Resampling.BICUBIC)])[0]
    assert np.linalg.norm(once - twice) < 0.2 * np.linalg.norm(once - other)


def test_names_and_fingerprint_are_stable_and_nothing_heavy_is_imported() -> None:
    assert (ENCODER.name, ENCODER.modality, ENCODER.licence) == ("descriptor", "image", "Apache-2.0")
    assert DescriptorEncoder().fingerprint == ENCODER.fingerprint and len(ENCODER.fingerprint) == 32
    heavy = "{'torch', 'transformers', 'sklearn', 'pandas', 'scipy'}"
    code = f"import sys, motet.encoders.descriptor; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
