"""How pictures are changed at random, each time that a network learned from scratch sees them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
STRETCH = 0.2  # largest logarithm of what the width of a part is multiplied by, and its height divided


def moved_and_lit(pixels: Pixels, random: np.random.Generator, shift: int, light: float) -> Floats:
    """Pictures [P, H, W, 3] moved by some pixels (edges repeated), with other brightness and contrast."""
    count, height, width, _ = pixels.shape
    down, right = random.integers(-shift, shift + 1, (2, count, 1))
    lines = np.clip(np.arange(height) + down, 0, height - 1)  # [P, H]
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    moved = pixels[np.arange(count)[:, None, None], lines[:, :, None], columns[:, None, :]].astype(np.float32)
    contrast, brightness = (random.uniform(1 - light, 1 + light, (2, count, 1, 1, 1))).astype(np.float32)
    mean = moved.mean(axis=(1, 2, 3), keepdims=True)
    lit: Floats = np.clip((moved - mean) * contrast + mean * brightness, 0, 255)
    return lit


def parts_of(pixels: Tensor, random: np.random.Generator, area: float, stretch: float = STRETCH) -> Tensor:
    """A part of each picture [P, 3, H, W], at random in place, size and aspect, at the size of the whole.

    area : least share of the picture that is seen (Szegedy et al., arXiv 1409.4842, sec. 6), up to two thirds: of parts
        that are stretched beyond the picture's sides that much is lost. stretch : see STRETCH.
    """
    count = len(pixels)
    if not count:
        return pixels
    side = np.sqrt(random.uniform(area, 1, count))
    aspect = np.exp(random.uniform(-stretch, stretch, count))
    size = np.minimum(np.stack([side * aspect, side / aspect]), 1)  # [2, P] width and height, of 1
    middle = random.uniform(-1, 1, (2, count)) * (1 - size)
    lines = np.zeros((count, 2, 3), np.float32)
    lines[:, [0, 1], [0, 1]], lines[:, :, 2] = size.T, middle.T
    grid = functional.affine_grid(torch.from_numpy(lines), list(pixels.shape), align_corners=False)
    cut: Tensor = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    return cut.contiguous(memory_format=torch.channels_last)
