"""Small changes of a picture that leave what it shows the same: each is a function of (RGB picture, generator).

Every one gives a new RGB picture, leaves the given one as it is, takes pictures of any size from 1 x 1 on, and draws
all that is random from the generator. What comes into view from outside has the colour of the picture's edge, so that
a product stays on its white ground.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Change = Callable[[Image.Image, np.random.Generator], Image.Image]

LEAST_AREA = 0.5  # of the picture that a crop keeps
STRETCH = 4 / 3  # of width against height that a crop may add or take
DEGREES = 15.0
LIGHT = 0.3  # largest change of brightness, contrast and colour
HUE = 0.03  # of the circle of colours
BLUR = 0.01  # of the shorter side: largest radius
ERASED = (0.02, 0.2)  # share of the picture


def crop(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A part of half the area or more, stretched to the picture's size (Szegedy et al., 2015, sec. 6)."""
    width, height = picture.size
    area = random.uniform(LEAST_AREA, 1.0)
    stretch = math.exp(random.uniform(-math.log(STRETCH), math.log(STRETCH)))
    w, h = (min(1.0, math.sqrt(area * stretch)) * width, min(1.0, math.sqrt(area / stretch)) * height)
    left, top = random.uniform(0, width - w), random.uniform(0, height - h)
    return picture.resize((width, height), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h))


def flip(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Left becomes right, for every other picture."""
    if random.random() < 0.5:
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.copy()


def rotate(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Turned by up to 15 degrees either way."""
    degrees = random.uniform(-DEGREES, DEGREES)
    return picture.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=edge_colour(picture))


def jitter(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Other brightness, contrast, strength of colour, and hue (Howard, arXiv 1312.5402)."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(random.uniform(1 - LIGHT, 1 + LIGHT))
    hue, saturation, value = picture.convert("HSV").split()
    turn = round(random.uniform(-HUE, HUE) * 256)
    hue = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def grey(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Without colours, for every fifth picture."""
    return picture.convert("L").convert("RGB") if random.random() < 0.2 else picture.copy()


def blur(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Less sharp."""
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0, BLUR) * min(picture.size)))


def erase(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A rectangle in the picture's mean colour hides a part of it (Zhong et al., arXiv 1708.04896)."""
    width, height = picture.size
    area, stretch = random.uniform(*ERASED), math.exp(random.uniform(-1, 1))
    w = min(width, round(math.sqrt(area * stretch) * width))
    h = min(height, round(math.sqrt(area / stretch) * height))
    left, top = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
    mean = np.asarray(picture).mean(axis=(0, 1))
    made = picture.copy()
    made.paste(colour(mean), (left, top, left + w, top + h))
    return made


def edge_colour(picture: Image.Image) -> tuple[int, ...]:
    """The median colour of the outermost pixels."""
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return colour(np.median(edge, axis=0))


def colour(channels: np.ndarray) -> tuple[int, ...]:
    """Whole numbers of a colour [3], as Pillow takes them."""
    return tuple(int(value) for value in np.rint(channels))


IMAGE_CHANGES: dict[str, Change] = {
    "crop": crop,
    "flip": flip,
    "rotate": rotate,
    "jitter": jitter,
    "grey": grey,
    "blur": blur,
    "erase": erase,
}
