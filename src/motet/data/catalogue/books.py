"""Drawings of books."""

from __future__ import annotations

from numpy.random import Generator

from motet.data.catalogue.pen import Colour, Pen, bend, shade

PAGE = (250, 246, 234)
INK = (150, 144, 134)


def novel(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A closed book, its cover to the front."""
    wide = random.uniform(0.58, 0.66)
    pen.area([(wide, -0.88), (wide + 0.12, -0.8), (wide + 0.12, 0.96), (wide, 0.92)], shade(PAGE, 0.86))
    pen.area([(-wide, 0.92), (wide, 0.92), (wide + 0.12, 0.98), (-wide + 0.1, 0.98)], shade(PAGE, 0.94))
    pen.box(-wide, -0.92, wide, 0.92, colour, 0.03)
    pen.box(-wide, -0.92, -wide + 0.14, 0.92, shade(colour, 0.7), 0.02)
    light = shade(colour, 1.7)
    for y, long in ((-0.68, 0.36), (-0.54, 0.26)):
        pen.box(0.07 - long, y, 0.07 + long, y + 0.08, light)
    kind = random.integers(0, 3)
    if kind == 0:
        pen.disc(0.07, 0.14, 0.3, 0.3, accent)
        pen.disc(0.19, 0.06, 0.24, 0.24, colour)
    elif kind == 1:
        pen.area([(-0.36, 0.5), (-0.08, -0.05), (0.14, 0.28), (0.28, 0.1), (0.5, 0.5)], accent)
        pen.disc(0.3, -0.16, 0.1, 0.1, light)
    else:
        pen.area([(0.07, -0.3), (0.36, 0.12), (0.07, 0.54), (-0.22, 0.12)], accent)
    pen.box(-0.15, 0.72, 0.29, 0.77, light)


def stack(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """Books lying on each other."""
    count = int(random.integers(4, 7))
    high = 1.6 / count
    colours = (colour, accent, shade(colour, 1.4), shade(accent, 0.7), shade(colour, 0.6), shade(accent, 1.4))
    for k in range(count):
        shift, half = random.uniform(-0.12, 0.12), random.uniform(0.68, 0.84)
        bottom = 0.85 - k * high
        top, left, right = bottom - high, shift - half, shift + half
        pen.box(left, top, right, bottom - 0.015, colours[k], 0.035)
        pen.box(right - 0.3, top + 0.05, right + 0.01, bottom - 0.055, PAGE)
        for line in (0.35, 0.6):
            y = top + high * line
            pen.line([(right - 0.3, y), (right, y)], 0.012, shade(PAGE, 0.8))
        pen.box(left + 0.08, top, left + 0.14, bottom - 0.015, shade(colours[k], 1.6))
        pen.box(left + 0.3, top + high * 0.4, left + 0.75, top + high * 0.56, shade(colours[k], 1.6))


def open_book(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """An open book with lines of print and perhaps a picture."""
    top = random.uniform(-0.6, -0.5)
    drawn = random.integers(0, 3)
    for side in (-1, 1):
        cover = [(0.0, top + 0.12), (side * 1.0, top), (side * 1.0, 0.62), (0.0, 0.74)]
        pen.area(cover, shade(colour, 0.85))
        upper = bend((0.0, top + 0.1), (side * 0.3, top - 0.14), (side * 0.92, top))
        lower = bend((side * 0.92, 0.54), (side * 0.3, 0.4), (0.0, 0.66))
        pen.area([*upper, *lower], PAGE if side < 0 else shade(PAGE, 0.96))
        if side == 2 * drawn - 1:
            pen.area(
                [(side * 0.2, top + 0.12), (side * 0.8, top + 0.1), (side * 0.8, 0.2), (side * 0.2, 0.22)],
                shade(accent, 1.1),
            )
            pen.disc(side * 0.5, -0.08, 0.14, 0.14, shade(accent, 1.6))
            pen.line([(side * 0.18, 0.34), (side * 0.82, 0.32)], 0.025, INK)
            continue
        for k in range(7):
            y = top + 0.17 + k * 0.115
            end = side * (0.8 if k % 3 else 0.62)
            pen.line(bend((side * 0.14, y + 0.03), (side * 0.4, y - 0.07), (end, y), steps=4), 0.025, INK)
    pen.line([(0.0, top + 0.1), (0.0, 0.68)], 0.03, shade(PAGE, 0.7))
    pen.area([(0.1, top + 0.05), (0.17, top + 0.03), (0.17, 0.9), (0.135, 0.82), (0.1, 0.9)], accent)


def shelf(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """Books standing in a row."""
    colours = (
        colour,
        shade(accent, 0.8),
        shade(colour, 1.5),
        accent,
        shade(colour, 0.65),
        shade(accent, 1.5),
    )
    left = -0.95
    k = int(random.integers(0, 6))
    while left < 0.72:
        wide = random.uniform(0.2, 0.32)
        top = random.uniform(-0.9, -0.5)
        back = colours[k % 6]
        pen.box(left, top, left + wide - 0.015, 0.85, back, 0.02)
        for y in (top + 0.12, 0.68):
            pen.box(left, y, left + wide - 0.015, y + 0.05, shade(back, 1.65))
        pen.box(left + wide * 0.38, top + 0.3, left + wide * 0.56, 0.4, shade(back, 1.65))
        pen.box(left + wide - 0.06, top, left + wide - 0.015, 0.85, (0, 0, 0, 45))
        left += wide
        k += 1
    pen.box(-1.0, 0.85, 1.0, 0.96, (150, 108, 74), 0.02)


def notebook(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A notebook bound with a spiral."""
    wide = random.uniform(0.6, 0.68)
    pen.box(-wide + 0.06, -0.86, wide + 0.07, 0.96, shade(PAGE, 0.88), 0.05)
    pen.box(-wide, -0.92, wide, 0.9, colour, 0.06)
    pen.box(wide - 0.24, -0.92, wide - 0.15, 0.9, shade(accent, 0.85))
    pen.box(-0.3, -0.55, 0.26, -0.14, PAGE, 0.03)
    for y in (-0.44, -0.34, -0.24):
        pen.line([(-0.22, y), (0.18, y)], 0.022, INK)
    for k in range(11):
        y = -0.8 + k * 0.158
        pen.disc(-wide + 0.1, y, 0.035, 0.035, shade(colour, 0.4))
        pen.line(
            bend((-wide + 0.1, y), (-wide - 0.06, y - 0.09), (-wide - 0.12, y + 0.02), steps=5),
            0.035,
            (172, 176, 184),
        )
