"""Drawings of things for the home."""

from __future__ import annotations

from math import cos, pi, sin

from numpy.random import Generator

from motet.data.catalogue.pen import Colour, Pen, arc, bend, mirrored, shade

WOOD = (176, 124, 80)
LEAF = (86, 145, 92)


def lamp(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A table lamp, lit."""
    top = random.uniform(0.26, 0.4)
    pen.area([(-0.6, -0.1), (0.6, -0.1), (0.95, 0.85), (-0.95, 0.85)], (255, 240, 180, 45))
    pen.line([(0, -0.1), (0, 0.7)], 0.09, shade(WOOD, 0.8))
    pen.disc(0, 0.3, 0.17, 0.24, shade(accent, 0.9))
    pen.disc(-0.05, 0.24, 0.05, 0.1, (255, 255, 255, 110))
    pen.box(-0.4, 0.78, 0.4, 0.92, shade(WOOD, 0.7), 0.06)
    pen.area([(-top, -0.92), (top, -0.92), (0.7, -0.08), (-0.7, -0.08)], shade(colour, 1.25))
    pen.area([(-top * 0.3, -0.92), (top * 0.5, -0.92), (0.34, -0.08), (-0.24, -0.08)], shade(colour, 1.6))
    pen.line([(-0.7, -0.08), (0.7, -0.08)], 0.05, shade(colour, 0.75))
    pen.line([(-top, -0.92), (top, -0.92)], 0.04, shade(colour, 0.75))


def chair(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A wooden chair with a cushion."""
    wood = shade(WOOD, random.uniform(0.7, 1.15))
    for x in (-0.4, 0.4):
        pen.line([(x, 0.1), (x * 1.05, 0.72)], 0.08, shade(wood, 0.7))
        pen.line([(x * 1.1, 0.2), (x * 1.35, 0.95)], 0.1, wood)
        pen.line([(x * 1.1, -0.92), (x * 1.1, 0.15)], 0.1, wood)
    if random.random() < 0.5:
        for y in (-0.82, -0.55, -0.28):
            pen.box(-0.44, y, 0.44, y + 0.13, shade(wood, 1.15), 0.04)
    else:
        pen.box(-0.44, -0.88, 0.44, -0.22, shade(colour, 0.9), 0.1)
        pen.box(-0.36, -0.8, 0.36, -0.3, colour, 0.08)
    pen.area([(-0.46, 0.0), (0.46, 0.0), (0.62, 0.24), (-0.62, 0.24)], colour)
    pen.box(-0.62, 0.22, 0.62, 0.33, shade(colour, 0.7), 0.04)
    pen.line([(-0.53, 0.62), (0.53, 0.62)], 0.06, shade(wood, 0.85))


def mug(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A mug with a handle, steaming."""
    down = random.uniform(0.7, 0.85)
    pen.line(arc(0.5, 0.12, 0.4, 0.34, -85, 85), 0.13, shade(colour, 0.82))
    body = [
        (0.56, -0.5),
        (0.56, down - 0.2),
        *bend((0.54, down - 0.1), (0.5, down + 0.05), (0.3, down + 0.05)),
    ]
    pen.area(mirrored([(0.0, -0.5), *body, (0.0, down + 0.05)]), colour)
    kind = random.integers(0, 3)
    if kind == 0:
        pen.box(-0.56, 0.0, 0.56, 0.2, accent)
    elif kind == 1:
        pen.disc(-0.14, 0.07, 0.13, 0.13, accent)
        pen.disc(0.1, 0.07, 0.13, 0.13, accent)
        pen.area([(-0.27, 0.11), (0.23, 0.11), (-0.02, 0.42)], accent)
    pen.area([(-0.56, -0.5), (-0.34, -0.5), (-0.34, down), (-0.5, down)], (255, 255, 255, 60))
    pen.area([(0.36, -0.5), (0.56, -0.5), (0.54, down - 0.1), (0.4, down)], (0, 0, 0, 35))
    pen.disc(0, -0.5, 0.56, 0.14, shade(colour, 1.35))
    pen.disc(0, -0.49, 0.48, 0.1, (92, 60, 42))
    for x in (-0.18, 0.12):
        pen.line(
            bend((x, -0.62), (x - 0.16, -0.74), (x + 0.16, -0.84), (x, -0.97)), 0.045, (255, 255, 255, 150)
        )


def vase(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A vase with leaves or flowers."""
    flowers = random.random() < 0.6
    for k in range(5):
        lean = (k - 2) * 0.26 + random.uniform(-0.05, 0.05)
        x, y = lean * 1.3, -0.72 + abs(lean) * 0.45
        pen.line(bend((0, 0.05), (lean * 0.3, -0.3), (x, y)), 0.035, shade(LEAF, 0.75))
        if flowers:
            for petal in range(5):
                turn = petal * 2 * pi / 5 + lean
                pen.disc(x + 0.095 * cos(turn), y + 0.095 * sin(turn), 0.075, 0.075, shade(accent, 1.15))
            pen.disc(x, y, 0.06, 0.06, (250, 214, 110))
        else:
            pen.area(
                [
                    *bend((0, 0.0), (x + 0.24, y * 0.5), (x, y - 0.14)),
                    *bend((x, y - 0.14), (x - 0.24, y * 0.5), (0, 0.0)),
                ],
                shade(LEAF, 0.9 + 0.07 * k),
            )
    belly = random.uniform(0.46, 0.6)
    half = [(0.0, -0.1), (0.22, -0.1), *bend((0.16, 0.05), (belly * 1.35, 0.25), (belly, 0.75), (0.26, 0.95))]
    pen.area(mirrored([*half, (0.0, 0.95)]), colour)
    pen.area(
        bend(
            (-0.14, 0.05), (-belly * 1.1, 0.3), (-belly * 0.8, 0.7), (-0.2, 0.8), (-0.3, 0.4), (-0.14, 0.05)
        ),
        (255, 255, 255, 70),
    )
    pen.line([(-0.22, -0.1), (0.22, -0.1)], 0.06, shade(colour, 0.75))
    pen.line(bend((-belly * 0.78, 0.45), (0, 0.56), (belly * 0.78, 0.45)), 0.06, shade(accent, 1.2))


def clock(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A round wall clock."""
    pen.disc(0, 0, 0.94, 0.94, shade(colour, 0.8))
    pen.disc(0, 0, 0.9, 0.9, colour)
    pen.disc(0, 0, 0.76, 0.76, (252, 251, 246))
    for hour in range(12):
        turn = hour * pi / 6
        inner = 0.56 if hour % 3 == 0 else 0.64
        ends = [(r * cos(turn), r * sin(turn)) for r in (inner, 0.7)]
        pen.line(ends, 0.05 if hour % 3 == 0 else 0.03, (70, 72, 80))
    for long, wide, fill in ((0.36, 0.075, (40, 42, 50)), (0.56, 0.05, (40, 42, 50)), (0.6, 0.022, accent)):
        turn = random.uniform(0, 2 * pi)
        pen.line([(0, 0), (long * cos(turn), long * sin(turn))], wide, fill)
    pen.disc(0, 0, 0.06, 0.06, accent)
