"""Drawings of electronics."""

from __future__ import annotations

from numpy.random import Generator

from motet.data.catalogue.pen import Colour, Pen, arc, bend, shade

DARK = (30, 33, 42)
SILVER = (206, 210, 217)


def phone(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """An upright telephone with icons on its screen."""
    wide = random.uniform(0.42, 0.5)
    pen.box(-wide, -0.95, wide, 0.95, shade(colour, 0.75), 0.14)
    pen.box(-wide + 0.03, -0.92, wide - 0.03, 0.92, DARK, 0.12)
    screen = wide - 0.08
    pen.box(-screen, -0.86, screen, 0.86, shade(accent, 0.85), 0.08)
    pen.area([(-screen, 0.1), (screen, -0.35), (screen, 0.8), (-screen, 0.8)], shade(accent, 1.25))
    for row in range(int(random.integers(2, 5))):
        for column in range(3):
            x, y = (column - 1) * screen * 0.6, -0.56 + row * 0.27
            pen.box(x - 0.075, y - 0.075, x + 0.075, y + 0.075, (255, 255, 255, 205), 0.03)
    pen.box(-0.12, -0.86, 0.12, -0.79, DARK, 0.035)
    pen.area([(-screen, -0.86), (0.05, -0.86), (-screen, 0.2)], (255, 255, 255, 40))


def laptop(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """An open laptop seen from the front."""
    top = random.uniform(-0.75, -0.6)
    body = shade(colour, 1.1)
    pen.box(-0.76, top, 0.76, 0.4, shade(body, 0.7), 0.06)
    pen.box(-0.72, top + 0.04, 0.72, 0.36, DARK, 0.03)
    pen.box(-0.66, top + 0.1, 0.66, 0.3, shade(accent, 0.9))
    pen.area([(-0.66, 0.3), (-0.2, top + 0.4), (0.2, 0.3)], shade(accent, 1.3))
    pen.area([(-0.1, 0.3), (0.35, top + 0.55), (0.66, 0.3)], shade(accent, 1.5))
    pen.disc(0.4, top + 0.27, 0.09, 0.09, (255, 244, 214))
    pen.area([(-0.76, 0.4), (0.76, 0.4), (1, 0.68), (-1, 0.68)], body)
    pen.area([(-0.64, 0.44), (0.64, 0.44), (0.78, 0.56), (-0.78, 0.56)], shade(DARK, 1.2))
    pen.area([(-0.2, 0.59), (0.2, 0.59), (0.23, 0.66), (-0.23, 0.66)], shade(body, 0.85))
    pen.box(-1, 0.68, 1, 0.74, shade(body, 0.6), 0.03)


def headphones(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """Headphones with a wide band."""
    high = random.uniform(0.85, 0.98)
    pen.line(arc(0, 0.15, 0.72, high, 180, 360), 0.17, shade(colour, 0.8))
    pen.line(arc(0, 0.13, 0.72, high, 205, 335), 0.05, shade(colour, 1.35))
    for side in (-1, 1):
        pen.box(side * 0.72 - 0.2, 0.02, side * 0.72 + 0.2, 0.78, DARK, 0.18)
        pen.box(side * 0.84 - 0.15, 0.06, side * 0.84 + 0.15, 0.74, colour, 0.15)
        pen.disc(side * 0.86, 0.4, 0.07, 0.17, accent)


def camera(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A camera with a large lens."""
    pen.box(-0.35, -0.68, 0.35, -0.3, DARK, 0.08)
    pen.box(0.5, -0.58, 0.78, -0.4, SILVER, 0.04)
    pen.box(-0.95, -0.5, 0.95, 0.6, shade(DARK, 1.12), 0.14)
    pen.box(-0.95, -0.28, 0.95, 0.4, shade(colour, 0.9))
    lens = random.uniform(0.46, 0.54)
    pen.disc(0, 0.07, lens + 0.06, lens + 0.06, SILVER)
    pen.disc(0, 0.07, lens, lens, DARK)
    pen.disc(0, 0.07, lens * 0.7, lens * 0.7, shade(accent, 0.55))
    pen.disc(0, 0.07, lens * 0.42, lens * 0.42, (18, 20, 30))
    pen.disc(-0.14, -0.08, 0.1, 0.08, (255, 255, 255, 200))
    pen.box(-0.84, -0.44, -0.6, -0.32, (255, 250, 225), 0.03)
    pen.disc(0.78, -0.38, 0.045, 0.045, (226, 67, 60))


def speaker(pen: Pen, random: Generator, colour: Colour, accent: Colour) -> None:
    """A loudspeaker with two cones."""
    wide = random.uniform(0.52, 0.6)
    pen.box(-wide, -0.95, wide, 0.95, shade(colour, 0.72), 0.1)
    pen.box(-wide + 0.06, -0.89, wide - 0.06, 0.89, shade(DARK, 1.05), 0.07)
    for y, radius in ((0.32, 0.42), (-0.5, 0.25)):
        pen.disc(0, y, radius, radius, SILVER)
        pen.disc(0, y, radius * 0.9, radius * 0.9, (58, 62, 72))
        pen.disc(0, y, radius * 0.6, radius * 0.6, (38, 41, 50))
        pen.disc(0, y, radius * 0.3, radius * 0.3, accent)
        pen.line(
            bend((-radius * 0.7, y - 0.1), (-radius * 0.5, y - radius * 0.7), (0, y - radius * 0.8)),
            0.03,
            (255, 255, 255, 120),
        )
    pen.disc(wide - 0.14, 0.82, 0.035, 0.035, (120, 230, 150))
