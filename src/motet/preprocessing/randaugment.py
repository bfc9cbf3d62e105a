"""RandAugment: a few changes in a row, drawn from fourteen, all of one strength.

Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", arXiv 1909.13719: N
changes are drawn evenly, with replacement, and M sets the strength of each (sec. 3). Ranges are the paper's own code's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from motet.errors import UsageError
from motet.preprocessing.augment_images import edge_colour

STRONGEST = 30  # magnitude at which each change reaches the end of its range
MOST_CHANGES = 14

Strong = Callable[[Image.Image, float], Image.Image]


@dataclass(frozen=True)
class RandAugment:
    """N changes of magnitude M, from 0 (hardly any) to 30; called with a picture and a generator."""

    changes: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        if not (1 <= self.changes <= MOST_CHANGES and 0 <= self.magnitude <= STRONGEST):
            raise UsageError(
                f"randaugment:{self.changes}:{self.magnitude}: the first number is how many changes, 1 to "
                f"{MOST_CHANGES}, the second their magnitude, 0 to {STRONGEST}"
            )

    def __call__(self, picture: Image.Image, random: np.random.Generator) -> Image.Image:
        """A new picture of the same size."""
        strength = self.magnitude / STRONGEST
        for name in random.choice(list(CHANGES), self.changes):
            sign = 1 if random.random() < 0.5 else -1
            picture = CHANGES[name](picture, sign * strength)
        return picture.copy()


def parse_randaugment(name: str) -> RandAugment:
    """Understand `randaugment`, or `randaugment:N:M`; raises UsageError for anything else."""
    parts = name.split(":")
    if len(parts) == 1:
        return RandAugment()
    if len(parts) != 3 or not all(part.isdecimal() for part in parts[1:]):
        raise UsageError(f"{name}: randaugment, or randaugment:N:M with two whole numbers, such as 2 and 9")
    return RandAugment(int(parts[1]), int(parts[2]))


def _affine(picture: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        matrix,
        Image.Resampling.BILINEAR,
        fillcolor=edge_colour(picture),
    )


def _shear_x(picture: Image.Image, strength: float) -> Image.Image:
    slope = 0.3 * strength
    return _affine(picture, (1, slope, -slope * picture.height / 2, 0, 1, 0))


def _shear_y(picture: Image.Image, strength: float) -> Image.Image:
    slope = 0.3 * strength
    return _affine(picture, (1, 0, 0, slope, 1, -slope * picture.width / 2))


def _enhanced(enhance: Callable[[Image.Image], ImageEnhance._Enhance]) -> Strong:
    return lambda picture, strength: enhance(picture).enhance(1 + 0.9 * strength)


CHANGES: dict[str, Strong] = {
    "identity": lambda picture, strength: picture,
    "autocontrast": lambda picture, strength: ImageOps.autocontrast(picture),
    "equalize": lambda picture, strength: ImageOps.equalize(picture),
    "rotate": lambda picture, strength: picture.rotate(
        30 * strength, Image.Resampling.BILINEAR, fillcolor=edge_colour(picture)
    ),
    "solarize": lambda picture, strength: ImageOps.solarize(picture, round(256 * (1 - abs(strength)))),
    "colour": _enhanced(ImageEnhance.Color),
    "posterize": lambda picture, strength: ImageOps.posterize(picture, 8 - round(4 * abs(strength))),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear-x": _shear_x,
    "shear-y": _shear_y,
    "translate-x": lambda picture, strength: _affine(
        picture, (1, 0, 0.45 * strength * picture.width, 0, 1, 0)
    ),
    "translate-y": lambda picture, strength: _affine(
        picture, (1, 0, 0, 0, 1, 0.45 * strength * picture.height)
    ),
}
