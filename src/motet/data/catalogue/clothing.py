"""Drawings of clothing."""

from __future__ import annotations

from numpy.random import Generator

from motet.data.catalogue.pen import Colour, Pen, bend, mirrored, shade


def shirt(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A T-shirt, plain, striped or with a print."""
    sleeve = random.uniform(0.0, 0.12)
    half = [(0.0, -0.62), (0.14, -0.64), (0.26, -0.78), (0.5, -0.68), (0.98, -0.22 + sleeve)]
    half += [(0.74, 0.06 + sleeve), (0.52, -0.16), (0.55, 0.85), (0.0, 0.88)]
    pen.area(mirrored(half), colour)
    kind = random.integers(0, 3)
    if kind == 0:
        for y in (-0.1, 0.12, 0.34, 0.56):
            pen.box(-0.525, y, 0.525, y + 0.09, accent)
    elif kind == 1:
        pen.disc(0, 0.08, 0.24, 0.24, accent)
        pen.disc(0, 0.08, 0.14, 0.14, shade(colour, 1.3))
    pen.area(
        mirrored([(0.0, -0.5), *bend((0.0, -0.5), (0.2, -0.52), (0.28, -0.78)), (0.2, -0.79)]),
        shade(colour, 0.6),
    )
    for side in (-1, 1):
        pen.line([(side * 0.52, -0.16), (side * 0.53, 0.3)], 0.025, shade(colour, 0.7))
        pen.line([(side * 0.94, -0.24 + sleeve), (side * 0.72, 0.0 + sleeve)], 0.03, shade(colour, 0.75))
    pen.area([(-0.4, 0.84), (-0.3, 0.2), (-0.2, 0.85)], (0, 0, 0, 22))
    pen.area([(0.25, 0.85), (0.36, 0.1), (0.45, 0.84)], (0, 0, 0, 22))


def trousers(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A pair of trousers hung up straight."""
    foot = random.uniform(0.5, 0.66)
    pen.area(
        mirrored([(0.0, -0.95), (0.4, -0.95), (0.5, -0.3), (foot, 0.95), (foot - 0.32, 0.97), (0.0, -0.2)]),
        colour,
    )
    pen.area(mirrored([(0.0, -0.97), (0.4, -0.97), (0.42, -0.82), (0.0, -0.82)]), shade(colour, 0.72))
    pen.line([(0, -0.82), (0, -0.24)], 0.025, shade(colour, 0.6))
    for side in (-1, 1):
        pen.line([(side * 0.2, -0.8), (side * 0.4, -0.58)], 0.025, shade(colour, 0.6))
        pen.line([(side * 0.27, -0.4), (side * (foot - 0.15), 0.92)], 0.02, shade(colour, 1.3))
        pen.line([(side * (foot - 0.3), 0.9), (side * (foot - 0.02), 0.88)], 0.04, shade(accent, 0.9))
    pen.disc(0, -0.895, 0.04, 0.04, (228, 205, 140))


def dress(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A dress with a belt and a wide skirt."""
    hem = random.uniform(0.62, 0.85)
    half = [(0.0, -0.6), (0.12, -0.62), (0.2, -0.97), (0.29, -0.97), (0.34, -0.55), (0.24, -0.16)]
    half += [*bend((0.24, -0.1), (0.4, 0.3), (hem, 0.86)), (hem * 0.5, 0.94), (0.0, 0.97)]
    pen.area(mirrored(half), colour)
    for x in (-0.55, -0.2, 0.15, 0.5):
        pen.area([(x * 0.3, 0.0), (x * hem * 1.1, 0.9), (x * hem * 1.1 + 0.14, 0.9)], shade(colour, 0.82))
    if random.random() < 0.5:
        for x, y in ((-0.3, 0.5), (0.1, 0.35), (0.36, 0.66), (-0.08, 0.72), (-0.14, 0.2), (-0.42, 0.78)):
            pen.disc(x, y, 0.055, 0.055, shade(accent, 1.2))
    pen.box(-0.25, -0.2, 0.25, -0.07, accent, 0.02)


def shoe(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A sports shoe from the side."""
    top = random.uniform(-0.55, -0.45)
    upper = [
        (-0.9, 0.3),
        (-0.92, -0.1),
        (-0.86, top),
        (-0.7, top - 0.04),
        (-0.55, top + 0.15),
        (-0.32, top + 0.1),
    ]
    upper += bend((-0.25, top), (0.15, -0.1), (0.7, -0.08), (0.95, 0.1), (0.96, 0.34))
    pen.area(upper, colour)
    pen.area([(0.45, 0.02), *bend((0.45, -0.06), (0.9, -0.02), (0.96, 0.3)), (0.5, 0.3)], shade(colour, 1.3))
    pen.area([(-0.91, 0.3), (-0.92, -0.1), (-0.88, top + 0.12), (-0.66, 0.3)], shade(colour, 0.7))
    pen.area(bend((-0.6, 0.26), (-0.1, 0.3), (0.1, -0.3), (0.02, -0.24), (0.3, 0.4), (-0.6, 0.34)), accent)
    for k in range(4):
        x, y = -0.22 + 0.15 * k, top + 0.14 + 0.09 * k
        pen.line([(x - 0.06, y + 0.12), (x + 0.06, y - 0.02)], 0.04, (250, 250, 250))
    pen.box(-0.96, 0.28, 1.0, 0.48, (246, 246, 243), 0.09)
    pen.box(-0.94, 0.42, 0.98, 0.5, shade(accent, 0.8), 0.04)


def cap(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A cap with a peak to the right."""
    high = random.uniform(-0.8, -0.65)
    pen.area(
        [(-0.75, 0.3), *bend((-0.78, 0.2), (-0.75, high), (0.0, high - 0.3), (0.5, -0.4), (0.5, 0.3))], colour
    )
    pen.area(
        [
            (-0.1, 0.3),
            *bend((-0.1, 0.3), (-0.2, -0.4), (-0.12, -0.72)),
            *bend((-0.12, -0.72), (0.5, -0.6), (0.5, 0.3)),
        ],
        shade(colour, 1.18),
    )
    pen.area(
        [*bend((0.1, 0.12), (0.7, 0.0), (1.02, 0.42)), *bend((1.02, 0.46), (0.6, 0.3), (0.0, 0.36))],
        shade(accent, 0.85),
    )
    pen.line(bend((-0.74, 0.28), (-0.2, 0.4), (0.48, 0.3)), 0.06, shade(colour, 0.65))
    pen.disc(-0.12, -0.73, 0.07, 0.05, accent)
    pen.disc(0.2, -0.14, 0.15, 0.15, (255, 255, 255, 225))
    pen.disc(0.2, -0.14, 0.09, 0.09, accent)
