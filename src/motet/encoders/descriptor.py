"""Pictures become numbers without a network: colour, gradient-orientation and texture statistics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motet.data import ImageCells
from motet.encoders.cache import FeatureCache
from motet.encoders.encode_rows import encode_images
from motet.encoders.features import FeatureTable
from motet.encoders.kept import pooled_kept

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

ALGORITHM = 1  # counts up whenever the same picture would give other numbers
SIZE = 96  # pictures are stretched to SIZE x SIZE pixels, where everything is counted
ORIENTATIONS = 9
FINE_CELLS, COARSE_CELLS = 6, 4  # a side, at SIZE and at SIZE / 2
COLOUR_CELLS, HISTOGRAM_ZONES, TEXTURE_ZONES = 4, 2, 2  # a side
HUES, SATURATIONS, VALUES = 8, 3, 3
FLAT_GRADIENT = 0.01  # of full scale: a block that is weaker than this is treated as noise
TEXTURE_STEP = 0.01  # a neighbour counts as brighter from this difference on; JPEG's noise is less
ASPECT_LIMIT = 2.0  # natural logarithm of width / height, cut off here


class DescriptorEncoder:
    """The embedded picture encoder `descriptor`: nothing to download or train, numpy and Pillow only."""

    name = "descriptor"
    modality = "image"
    licence = "Apache-2.0"
    learns = False

    def __init__(self) -> None:
        blocks = (FINE_CELLS - 1) ** 2 + (COARSE_CELLS - 1) ** 2
        colour = HISTOGRAM_ZONES**2 * HUES * SATURATIONS * VALUES + COLOUR_CELLS**2 * 6
        self.width: int = blocks * 4 * ORIENTATIONS + colour + TEXTURE_ZONES**2 * 59 + 1
        self.fingerprint: str = _fingerprint()

    def fit(self, cells: ImageCells, rows: Rows) -> None:
        """Nothing to learn."""

    def encode(self, cells: ImageCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order."""
        kept = pooled_kept(cache, self)
        return encode_images(
            cells, rows, lambda image: self.describe([image])[0], lambda batches: batches, kept, "pictures"
        )

    def save(self, directory: Path) -> None:
        """Nothing is learned, so nothing is written."""

    def describe(self, images: Sequence[Image.Image]) -> Floats:
        """Describe each RGB picture by itself, so that no picture's numbers depend on its neighbours.

        Returns float32 [n, width], every number finite and within [-2, 2]: gradient histograms at two scales,
        colour histograms, colour means and deviations, texture histograms, and the aspect ratio.
        """
        described = np.empty((len(images), self.width), np.float32)
        for row, image in enumerate(images):
            described[row] = _describe(image)
        return described


def hog(pixels: Floats, cells: int) -> Floats:
    """Histograms of oriented gradients of a square picture, on a grid of `cells` x `cells`.

    pixels [S, S, 3] in 0..1. Returns [cells - 1, cells - 1, 4 * 9]: each block of 2 x 2 cells with L2-Hys
    normalisation. Votes are shared bilinearly between neighbouring cells and linearly between orientations
    of 0-180 degrees; each pixel takes its strongest channel. Adding a constant to the picture changes
    nothing, and multiplying it changes only blocks that are nearly flat.
    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
    """
    size = pixels.shape[0]
    across, down = _strongest_gradient(pixels)
    strength = np.hypot(across, down)
    bins = np.mod(np.arctan2(down, across) / np.float32(np.pi), 1) * ORIENTATIONS - np.float32(0.5)
    lower = np.floor(bins)
    upper_share = bins - lower
    first = lower.astype(np.intp) % ORIENTATIONS
    second = (first + 1) % ORIENTATIONS
    votes = np.zeros((ORIENTATIONS, size * size), np.float32)
    position = np.arange(size * size)
    votes[first.ravel(), position] = (strength * (1 - upper_share)).ravel()
    votes[second.ravel(), position] = (strength * upper_share).ravel()
    pool = _bilinear_pool(size, cells)
    grid = (pool @ votes.reshape(ORIENTATIONS, size, size) @ pool.T).transpose(1, 2, 0)
    blocks = np.concatenate([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]], axis=2)
    # A cell's weights sum to (size / cells)^2, so the constant is a gradient a pixel, whatever the size.
    flat = FLAT_GRADIENT * (size / cells) ** 2
    blocks = np.minimum(_unit(blocks, flat), np.float32(0.2))
    return _unit(blocks, 1e-3)


def colour_histogram(hsv: NDArray[np.uint8], zones: int) -> Floats:
    """Hue, saturation and value counted together in each of `zones` x `zones` parts of a square picture.

    hsv [S, S, 3]. Returns [zones * zones, 72], the square root of each share: each row has length one, and
    the Euclidean distance of two rows is the Hellinger distance (Arandjelovic and Zisserman, CVPR 2012).
    """
    levels = hsv.astype(np.intp)
    code = levels[..., 0] * HUES // 256
    code = code * SATURATIONS + levels[..., 1] * SATURATIONS // 256
    code = code * VALUES + levels[..., 2] * VALUES // 256
    return _zone_histogram(code, HUES * SATURATIONS * VALUES, zones)


def colour_moments(pixels: Floats, cells: int) -> Floats:
    """Mean and deviation of brightness, red-green and yellow-blue in each of `cells` x `cells` cells.

    pixels [S, S, 3] in 0..1. Returns [6, cells, cells], three means and then three standard deviations.
    """
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    opponent = np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue])
    pool = _bilinear_pool(pixels.shape[0], cells)
    pool = pool / pool.sum(axis=1, keepdims=True)
    mean = pool @ opponent @ pool.T
    square = pool @ (opponent * opponent) @ pool.T
    return np.concatenate([mean, np.sqrt(np.maximum(square - mean * mean, 0))])


def texture_histogram(grey: Floats, zones: int) -> Floats:
    """Uniform local binary patterns counted in each of `zones` x `zones` parts of a square picture.

    grey [S, S] in 0..1. Returns [zones * zones, 59], the square root of each share. Adding a constant changes
    nothing. Source: Ojala, Pietikainen and Maenpaa, PAMI 24(7), 2002 (8 neighbours).
    """
    side = grey.shape[0] - 2
    threshold = grey[1:-1, 1:-1] + np.float32(TEXTURE_STEP)
    code = np.zeros((side, side), np.uint8)
    for bit, (top, left) in enumerate(((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))):
        brighter = grey[top : top + side, left : left + side] > threshold
        code |= brighter.astype(np.uint8) << np.uint8(bit)
    return _zone_histogram(_uniform_patterns()[code], 59, zones)


def _describe(image: Image.Image) -> Floats:
    small = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    half = small.resize((SIZE // 2, SIZE // 2), Image.Resampling.BOX)
    pixels = _unit_range(small)
    aspect = np.log(image.width / image.height)
    parts = [
        hog(pixels, FINE_CELLS),
        hog(_unit_range(half), COARSE_CELLS),
        colour_histogram(np.asarray(small.convert("HSV")), HISTOGRAM_ZONES),
        colour_moments(pixels, COLOUR_CELLS),
        texture_histogram(pixels.mean(axis=2), TEXTURE_ZONES),
        np.asarray([np.clip(aspect, -ASPECT_LIMIT, ASPECT_LIMIT)], np.float32),
    ]
    return np.concatenate([part.ravel() for part in parts])


def _unit_range(image: Image.Image) -> Floats:
    return np.asarray(image, np.float32) / np.float32(255)


def _strongest_gradient(pixels: Floats) -> tuple[Floats, Floats]:
    across = np.zeros_like(pixels)
    down = np.zeros_like(pixels)
    across[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    down[1:-1] = pixels[2:] - pixels[:-2]
    power = across * across + down * down
    best_across, best_down, best = across[..., 0], down[..., 0], power[..., 0]
    for channel in (1, 2):
        stronger = power[..., channel] > best
        best_across = np.where(stronger, across[..., channel], best_across)
        best_down = np.where(stronger, down[..., channel], best_down)
        best = np.maximum(best, power[..., channel])
    return best_across, best_down


def _unit(blocks: Floats, floor: float) -> Floats:
    length = np.sqrt((blocks * blocks).sum(axis=2, keepdims=True) + np.float32(floor * floor))
    unit: Floats = blocks / length
    return unit


def _zone_histogram(code: NDArray[np.intp], codes: int, zones: int) -> Floats:
    zone = np.arange(code.shape[0]) * zones // code.shape[0]
    place = (zone[:, None] * zones + zone[None, :]) * codes + code
    counts = np.bincount(place.ravel(), minlength=zones * zones * codes).reshape(zones * zones, codes)
    shares: Floats = np.sqrt(counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


@lru_cache(maxsize=8)
def _bilinear_pool(size: int, cells: int) -> Floats:
    """[cells, size]: how much of each line of pixels belongs to each line of cells."""
    place = (np.arange(size) + 0.5) / size * cells - 0.5
    pool: Floats = np.maximum(0, 1 - np.abs(place - np.arange(cells)[:, None])).astype(np.float32)
    return pool


@lru_cache(maxsize=1)
def _uniform_patterns() -> NDArray[np.intp]:
    """[256]: the 58 patterns with at most two changes around the circle get a number each, all others 58."""
    numbers = np.full(256, 58, np.intp)
    uniform = [p for p in range(256) if ((p ^ ((p >> 1) | ((p & 1) << 7))).bit_count() <= 2)]
    numbers[uniform] = np.arange(58)
    return numbers


def _fingerprint() -> str:
    settings = {
        "algorithm": ALGORITHM,
        "size": SIZE,
        "hog": [ORIENTATIONS, FINE_CELLS, COARSE_CELLS, FLAT_GRADIENT],
        "colour": [COLOUR_CELLS, HISTOGRAM_ZONES, HUES, SATURATIONS, VALUES],
        "texture": [TEXTURE_ZONES, TEXTURE_STEP],
        "aspect": ASPECT_LIMIT,
    }
    return hashlib.sha256(json.dumps(["descriptor", settings]).encode()).hexdigest()[:32]
