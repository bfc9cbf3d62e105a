"""An object becomes a product picture: background, clutter, pose, shadow, light and JPEG noise."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from math import cos, radians, sin

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from motet.data.catalogue import books, clothing, electronics, home, parcels
from motet.data.catalogue.pen import Colour, Pen, bend, shade

Drawing = Callable[[Pen, Generator, Colour, Colour], None]

DRAWINGS: dict[str, Drawing] = {
    "phone": electronics.phone,
    "laptop": electronics.laptop,
    "headphones": electronics.headphones,
    "camera": electronics.camera,
    "speaker": electronics.speaker,
    "shirt": clothing.shirt,
    "trousers": clothing.trousers,
    "dress": clothing.dress,
    "shoe": clothing.shoe,
    "cap": clothing.cap,
    "novel": books.novel,
    "stack": books.stack,
    "open book": books.open_book,
    "shelf": books.shelf,
    "notebook": books.notebook,
    "lamp": home.lamp,
    "chair": home.chair,
    "mug": home.mug,
    "vase": home.vase,
    "clock": home.clock,
    "carton": parcels.carton,
    "crate": parcels.crate,
    "gift": parcels.gift,
    "bag": parcels.bag,
}
PAINTS: dict[str, Colour] = {
    "red": (205, 72, 66),
    "orange": (232, 138, 68),
    "yellow": (236, 192, 84),
    "green": (98, 158, 104),
    "teal": (62, 150, 150),
    "blue": (72, 116, 186),
    "purple": (136, 104, 176),
    "pink": (226, 138, 158),
    "brown": (142, 100, 74),
    "grey": (142, 148, 158),
    "black": (58, 61, 70),
    "white": (232, 231, 226),
}
BACKGROUNDS: tuple[Colour, ...] = (
    (247, 247, 245),
    (238, 233, 224),
    (224, 232, 238),
    (229, 238, 229),
    (244, 228, 224),
    (233, 228, 241),
    (250, 240, 218),
    (214, 219, 226),
    (205, 222, 219),
    (255, 255, 255),
)
OVERSAMPLING = 2
SIZES = (144, 160, 176, 192, 208, 224)
SHAPES = ((1.0, 1.0), (1.0, 1.0), (1.0, 0.86), (0.86, 1.0))


def product_picture(shown: str, colour: str, random: Generator) -> bytes:
    """Draw the object `shown` in a colour as a product photograph; returns a JPEG file.

    Depends on nothing but its arguments: the same object, colour and random numbers make the same file.
    """
    side = SIZES[int(random.integers(len(SIZES)))]
    across, down = SHAPES[int(random.integers(len(SHAPES)))]
    size = (round(side * across), round(side * down))
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    paint = PAINTS[colour]
    ground = BACKGROUNDS[int(random.integers(len(BACKGROUNDS)))]
    picture = _background(large, ground, random)
    _clutter(picture, ground, random)
    _place(picture, DRAWINGS[shown], paint, _accent(paint, random), random)
    lit = _light(picture.reduce(OVERSAMPLING), random)
    file = BytesIO()
    lit.save(file, "JPEG", quality=int(random.integers(45, 93)))
    return file.getvalue()


def _accent(paint: Colour, random: Generator) -> Colour:
    others = [other for other in PAINTS.values() if other != paint]
    return others[int(random.integers(len(others)))]


def _background(size: tuple[int, int], ground: Colour, random: Generator) -> Image.Image:
    top, bottom = shade(ground, random.uniform(1.0, 1.4)), shade(ground, random.uniform(0.86, 1.0))
    corners = Image.new("RGB", (2, 2))
    corners.putdata([top, shade(top, 0.97), bottom, shade(bottom, 0.95)])
    picture = corners.resize(size, Image.Resampling.BILINEAR)
    wide, high = size
    pen = Pen(picture, (wide / 2, 0, wide / 2, 0, high / 2, high / 2))
    kind = random.random()
    if kind < 0.3:  # a table before a wall
        level = random.uniform(0.25, 0.6)
        table = (
            shade(PAINTS["brown"], random.uniform(1.3, 1.7)) if random.random() < 0.5 else shade(ground, 0.8)
        )
        pen.box(-1, level, 1, 1, table)
        pen.box(-1, level, 1, level + 0.03, shade(table, 0.88))
    elif kind < 0.5:  # large soft shapes
        tint = shade(list(PAINTS.values())[int(random.integers(len(PAINTS)))], 1.5)
        for _ in range(3):
            x, y, radius = random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(0.3, 0.7)
            pen.disc(x, y, radius * high / max(size), radius * wide / max(size), (*tint, 80))
    elif kind < 0.6:  # a round podium behind
        pen.disc(0, 0.05, 0.82 * min(size) / wide, 0.82 * min(size) / high, (*shade(ground, 0.9), 190))
    elif kind < 0.7:  # diagonal stripes
        for k in range(-8, 9):
            x = k / 4
            pen.area([(x, -1), (x + 0.09, -1), (x + 0.59, 1), (x + 0.5, 1)], (*shade(ground, 0.9), 120))
    return picture


def _clutter(picture: Image.Image, ground: Colour, random: Generator) -> None:
    """Small things near the border: leaves, pebbles, confetti, pencils. None of them hints at a category."""
    wide, high = picture.size
    unit = min(wide, high) / 2
    paints = list(PAINTS.values())
    for _ in range(int(random.integers(0, 5))):
        turn, reach = random.uniform(0, 360), random.uniform(0.86, 1.2)
        x, y = (
            wide / 2 + wide / 2 * reach * cos(radians(turn)),
            high / 2 + high / 2 * reach * sin(radians(turn)),
        )
        scale, angle = unit * random.uniform(0.1, 0.24), radians(random.uniform(0, 360))
        matrix = (scale * cos(angle), -scale * sin(angle), x, scale * sin(angle), scale * cos(angle), y)
        pen = Pen(picture, matrix)
        tint = shade(paints[int(random.integers(len(paints)))], random.uniform(1.0, 1.5))
        kind = int(random.integers(0, 5))
        if kind == 0:
            pen.area([*bend((-1, 0), (0, -0.8), (1, 0)), *bend((1, 0), (0, 0.8), (-1, 0))], (112, 158, 112))
            pen.line([(-1.2, 0), (0.8, 0)], 0.08, (80, 122, 84))
        elif kind == 1:
            pen.disc(0, 0.1, 0.7, 0.5, shade(ground, 0.66))
            pen.disc(-0.1, 0.0, 0.6, 0.4, shade(ground, 0.8))
        elif kind == 2:
            for px, py in ((-0.8, -0.5), (0.2, -0.9), (0.7, 0.3), (-0.4, 0.7), (0, 0)):
                pen.box(px - 0.14, py - 0.14, px + 0.14, py + 0.14, tint, 0.05)
        elif kind == 3:
            pen.box(-1.4, -0.12, 1.1, 0.12, tint)
            pen.area([(1.1, -0.12), (1.5, 0), (1.1, 0.12)], (240, 218, 180))
            pen.area([(1.38, -0.04), (1.5, 0), (1.38, 0.04)], (60, 60, 66))
        else:
            pen.disc(0, 0, 0.6, 0.6, tint)
            pen.disc(0, 0, 0.36, 0.36, shade(tint, 1.4))


def _place(picture: Image.Image, draw: Drawing, paint: Colour, accent: Colour, random: Generator) -> None:
    wide, high = picture.size
    scale = min(wide, high) / 2 * random.uniform(0.76, 0.92)
    angle = radians(float(np.clip(random.normal(0, 4), -10, 10)))
    stretch = random.uniform(0.92, 1.08)
    room_across, room_down = wide / 2 - scale * 0.92, high / 2 - scale * 0.92
    x = wide / 2 + random.uniform(-0.5, 0.5) * max(0.0, room_across)
    y = high / 2 + random.uniform(-0.5, 0.5) * max(0.0, room_down)
    matrix = np.array(
        [
            scale * cos(angle) * stretch,
            -scale * sin(angle),
            x,
            scale * sin(angle) * stretch,
            scale * cos(angle),
            y,
        ]
    )
    # The same numbers twice: once for the shadow, once for the object itself.
    variant = int(random.integers(2**32))
    shrink = 4
    shadow = Image.new("L", (wide // shrink, high // shrink))
    lean, drop = random.uniform(-0.12, 0.12) * scale, random.uniform(0.03, 0.1) * scale
    cast = (matrix + np.array([0, 0, lean, 0, 0, drop])) / shrink
    draw(Pen(shadow, cast.tolist(), silhouette=True), np.random.default_rng(variant), paint, accent)
    soft = shadow.filter(ImageFilter.GaussianBlur(random.uniform(0.015, 0.05) * scale / shrink * 2))
    strength = random.uniform(0.2, 0.45)
    soft = soft.point([round(level * strength) for level in range(256)])
    picture.paste((38, 34, 46), (0, 0), soft.resize(picture.size, Image.Resampling.BILINEAR))
    draw(Pen(picture, matrix.tolist()), np.random.default_rng(variant), paint, accent)


def _light(picture: Image.Image, random: Generator) -> Image.Image:
    """Brightness, a gradient from one side, warmth, and the grain of a sensor."""
    wide, high = picture.size
    turn, slope = random.uniform(0, 2 * np.pi), random.uniform(0, 0.22)
    across = np.linspace(-1, 1, wide, dtype=np.float32) * np.float32(np.cos(turn) * slope)
    down = np.linspace(-1, 1, high, dtype=np.float32) * np.float32(np.sin(turn) * slope)
    level = np.float32(random.uniform(0.88, 1.1)) + down[:, None] + across[None, :]
    grain = random.standard_normal((high, wide), dtype=np.float32) * np.float32(random.uniform(0.5, 4))
    warmth = random.uniform(-0.05, 0.05)
    tint = np.asarray([1 + warmth, 1, 1 - warmth], np.float32)
    pixels = np.asarray(picture, np.float32) * (level[..., None] * tint) + grain[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
