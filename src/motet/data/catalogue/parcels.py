"""Drawings of what hides its contents: a picture of these says no more than the pair of categories."""

from __future__ import annotations

from numpy.random import Generator

from motet.data.catalogue.pen import Colour, Pen, bend, shade

BOARD = (202, 160, 112)
TAPE = (232, 205, 160)


def carton(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A shipping carton seen from a corner."""
    edge = random.uniform(-0.15, 0.2)
    pen.area([(-0.85, -0.35), (edge, -0.05), (edge, 0.92), (-0.85, 0.5)], BOARD)
    pen.area([(edge, -0.05), (0.88, -0.38), (0.88, 0.48), (edge, 0.92)], shade(BOARD, 0.8))
    pen.area([(-0.85, -0.35), (edge * 0.2, -0.72), (0.88, -0.38), (edge, -0.05)], shade(BOARD, 1.25))
    middle = (edge + 0.88) / 2
    pen.area([(-0.48, -0.54), (-0.36, -0.59), (middle + 0.06, -0.24), (middle - 0.06, -0.2)], TAPE)
    pen.area(
        [(middle - 0.06, -0.2), (middle + 0.06, -0.24), (middle + 0.06, 0.0), (middle - 0.06, 0.05)], TAPE
    )
    pen.area([(-0.7, -0.06), (-0.3, 0.08), (-0.3, 0.36), (-0.7, 0.2)], shade(colour, 1.2))
    pen.area([(-0.66, 0.0), (-0.46, 0.07), (-0.46, 0.12), (-0.66, 0.05)], (255, 255, 255))


def crate(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A flat box with a handle and a coloured band."""
    high = random.uniform(0.42, 0.55)
    pen.box(-0.92, -high, 0.92, high, shade(BOARD, 1.1), 0.04)
    pen.box(-0.92, -high, 0.92, -high * 0.55, shade(BOARD, 0.88), 0.04)
    pen.box(-0.25, -high * 0.9, 0.25, -high * 0.66, shade(BOARD, 0.5), 0.08)
    pen.box(-0.92, high * 0.1, 0.92, high * 0.55, colour)
    pen.box(-0.78, high * 0.2, -0.3, high * 0.45, shade(colour, 1.6))
    pen.area([(0.6, high * 0.85), (0.68, high * 0.65), (0.76, high * 0.85)], shade(BOARD, 0.6))
    pen.line([(0, -high * 0.55), (0, high * 0.1)], 0.07, TAPE)


def gift(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A flat present, wrapped and tied with a ribbon."""
    wide, high = random.uniform(0.75, 0.9), random.uniform(0.55, 0.68)
    pen.box(-wide, -high, wide, high, colour, 0.03)
    pen.area(
        [(-wide, -high), (wide, -high), (wide * 0.9, -high * 0.82), (-wide * 0.9, -high * 0.82)],
        shade(colour, 1.3),
    )
    for x in (-0.6, -0.25, 0.35, 0.65):
        for y in (-0.35, 0.0, 0.35):
            pen.disc(x * wide * 1.2, y * high * 1.6, 0.035, 0.035, shade(colour, 1.6))
    ribbon = shade(accent, 0.95)
    pen.box(-0.09, -high, 0.09, high, ribbon)
    pen.box(-wide, -0.09, wide, 0.09, ribbon)
    for side in (-1, 1):
        loop = bend((0, 0), (side * 0.3, -0.55), (side * 0.75, -0.2), (0, 0))
        pen.area(loop, shade(ribbon, 0.8))
        pen.area(
            bend(
                (0, 0), (side * 0.2, 0.2), (side * 0.22, 0.4), (side * 0.34, 0.46), (side * 0.3, 0.2), (0, 0)
            ),
            ribbon,
        )
    pen.disc(0, -0.01, 0.1, 0.1, shade(ribbon, 1.3))


def bag(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A paper shopping bag."""
    wide = random.uniform(0.52, 0.62)
    for lift in (-0.02, 0.04):
        pen.line(
            bend((-0.24, -0.4 + lift), (-0.24, -1.05), (0.24, -1.05), (0.24, -0.4 + lift)),
            0.05,
            shade(accent, 0.7),
        )
    pen.area([(-wide, -0.45), (wide, -0.45), (wide + 0.05, 0.95), (-wide - 0.05, 0.95)], colour)
    pen.area(
        [(wide, -0.45), (wide + 0.2, -0.38), (wide + 0.22, 0.86), (wide + 0.05, 0.95)], shade(colour, 0.68)
    )
    pen.box(-wide, -0.45, wide, -0.36, shade(colour, 1.3))
    pen.disc(0, 0.22, 0.26, 0.26, shade(colour, 1.6))
    pen.disc(0, 0.22, 0.15, 0.15, accent)
    pen.area(
        [(-wide, 0.95), (-wide + 0.2, -0.36), (-wide + 0.28, -0.36), (-wide + 0.16, 0.95)],
        (255, 255, 255, 30),
    )
