"""A scene as a picture of 64 x 64 pixels."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator
from PIL import Image

from motet.data.catalogue.pen import Colour, Pen, shade
from motet.data.scenes.things import GRID, Thing

SIDE = 64
FINER = 4  # times that a picture is drawn as large, and averaged: edges are smooth
PAINTS: dict[str, Colour] = {
    "red": (214, 40, 40),
    "orange": (244, 140, 6),
    "yellow": (240, 212, 40),
    "green": (48, 150, 62),
    "cyan": (60, 196, 208),
    "blue": (38, 80, 204),
    "purple": (138, 50, 168),
    "grey": (128, 128, 128),
}
SMALL, LARGE = 0.29, 0.43  # half of a thing's width, of a cell
ARM = 0.36  # half of the width of a cross's arms, of its own
LIGHT = (0.85, 1.1)  # of a thing
GROUND = (225, 250)  # grey level behind all


def draw_scene(things: Sequence[Thing], random: Generator) -> Image.Image:
    """Draw things, each somewhere in its cell, on a plain light ground."""
    level = int(random.integers(*GROUND))
    picture = Image.new("RGB", (SIDE * FINER, SIDE * FINER), (level, level, level))
    cell = SIDE * FINER / GRID
    for thing in things:
        half = LARGE if thing.large else SMALL
        across, down = random.uniform(half - 0.5, 0.5 - half, 2)
        centre = (thing.column + 0.5 + across) * cell, (thing.row + 0.5 + down) * cell
        pen = Pen(picture, (half * cell, 0.0, centre[0], 0.0, half * cell, centre[1]))
        _draw(pen, thing.combination.shape, shade(PAINTS[thing.combination.colour], random.uniform(*LIGHT)))
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def _draw(pen: Pen, shape: str, paint: Colour) -> None:
    """A shape that fills -1 to 1 on both axes."""
    if shape == "square":
        pen.box(-0.9, -0.9, 0.9, 0.9, paint)
    elif shape == "circle":
        pen.disc(0.0, 0.0, 1.0, 1.0, paint)
    elif shape == "triangle":
        pen.area([(0.0, -1.0), (1.0, 0.85), (-1.0, 0.85)], paint)
    else:
        pen.box(-ARM, -1.0, ARM, 1.0, paint)
        pen.box(-1.0, -ARM, 1.0, ARM, paint)
