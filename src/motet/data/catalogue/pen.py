"""A pen that draws plain shapes in an object's own coordinates, turned, scaled and moved onto the picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, hypot, radians, sin

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Fill = tuple[int, ...]  # three or four numbers: the fourth is opacity
Point = tuple[float, float]


class Pen:
    """Draws shapes given in object coordinates: about -1 to 1 on both axes, y downwards.

    matrix (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f in pixels. With `silhouette` everything
    that is not nearly transparent is drawn at full strength onto a picture of mode L, to make a shadow from.
    """

    def __init__(self, image: Image.Image, matrix: Sequence[float], *, silhouette: bool = False) -> None:
        self._draw = ImageDraw.Draw(image, None if silhouette else "RGBA")
        self._matrix = tuple(matrix)
        self._silhouette = silhouette

    def area(self, points: Sequence[Point], fill: Fill) -> None:
        """Fill a polygon."""
        a, b, c, d, e, f = self._matrix
        placed = [(a * x + b * y + c, d * x + e * y + f) for x, y in points]
        if not self._silhouette:
            self._draw.polygon(placed, fill=fill)
        elif len(fill) == 3 or fill[3] > 150:
            self._draw.polygon(placed, fill=255)

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Fill, radius: float = 0
    ) -> None:
        """Fill a rectangle, its corners rounded by `radius`."""
        if radius <= 0:
            self.area([(left, top), (right, top), (right, bottom), (left, bottom)], fill)
            return
        radius = min(radius, (right - left) / 2, (bottom - top) / 2)
        right, bottom, left, top = right - radius, bottom - radius, left + radius, top + radius
        centres = ((right, bottom), (left, bottom), (left, top), (right, top))
        points = [
            (x + radius * cos(radians(start + turn)), y + radius * sin(radians(start + turn)))
            for start, (x, y) in zip((0, 90, 180, 270), centres, strict=True)
            for turn in (0, 18, 36, 54, 72, 90)
        ]
        self.area(points, fill)

    def disc(self, x: float, y: float, across: float, down: float, fill: Fill) -> None:
        """Fill an ellipse with these radii."""
        self.area(arc(x, y, across, down, 0, 350), fill)

    def line(self, points: Sequence[Point], width: float, fill: Fill) -> None:
        """Draw a stroke with round ends."""
        a, b, c, d, e, f = self._matrix
        if self._silhouette:
            if len(fill) == 4 and fill[3] <= 150:
                return
            fill = (255,)
        placed = [(a * x + b * y + c, d * x + e * y + f) for x, y in points]
        thick = max(1.0, width * hypot(a, d))
        colour = fill[0] if self._silhouette else fill
        self._draw.line(placed, fill=colour, width=round(thick), joint="curve")
        if thick > 3:
            for x, y in (placed[0], placed[-1]):
                ends = (x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2)
                self._draw.ellipse(ends, fill=colour)


def arc(x: float, y: float, across: float, down: float, start: float, stop: float) -> list[Point]:
    """Points along an ellipse, in degrees from the right, downwards first."""
    steps = max(2, round(abs(stop - start) / 10))
    angles = [radians(start + (stop - start) * k / steps) for k in range(steps + 1)]
    return [(x + across * cos(angle), y + down * sin(angle)) for angle in angles]


def bend(*points: Point, steps: int = 10) -> list[Point]:
    """Points along a Bezier curve of any degree (de Casteljau)."""
    curve = []
    for step in range(steps + 1):
        t = step / steps
        rest = list(points)
        while len(rest) > 1:
            rest = [((1 - t) * p[0] + t * q[0], (1 - t) * p[1] + t * q[1]) for p, q in pairwise(rest)]
        curve.append(rest[0])
    return curve


def mirrored(points: Sequence[Point]) -> list[Point]:
    """A half outline, from top to bottom on the right, closed by its mirror image on the left."""
    return [*points, *((-x, y) for x, y in reversed(points))]


def shade(colour: Fill, strength: float) -> Colour:
    """Darken (strength below 1) towards black, or lighten (above 1, up to 2) towards white."""
    if strength <= 1:
        red, green, blue = (round(level * strength) for level in colour[:3])
    else:
        red, green, blue = (round(level + (255 - level) * min(1.0, strength - 1)) for level in colour[:3])
    return red, green, blue
