"""What stands in a scene: things of a colour, a shape and a size, each in a cell of its own of a grid.

Every colour is held out with one shape, so that each of eight colours is learned with three shapes, and each of four
shapes with six colours, but eight combinations of both are never in a training picture (as CLEVR-CoGenT: Johnson et
al., arXiv 1612.06890, sec. 4.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from numpy.random import Generator

GRID = 4  # cells on each side
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "grey")
SHAPES = ("square", "circle", "triangle", "cross")
FEWEST, MOST = 3, 6  # things of a scene
COMBINATIONS = (
    2,
    3,
    4,
)  # different ones of a scene: things come in groups, so that there is something to count


class Combination(NamedTuple):
    """A colour with a shape."""

    colour: str
    shape: str


HELD_OUT = tuple(Combination(colour, SHAPES[i % len(SHAPES)]) for i, colour in enumerate(COLOURS))
SEEN = tuple(
    each for each in (Combination(c, s) for c in COLOURS for s in SHAPES) if each not in set(HELD_OUT)
)


@dataclass(frozen=True)
class Thing:
    """A combination that is large or small, in the cell `column` (from the left) and `row` (from the top)."""

    combination: Combination
    large: bool
    column: int
    row: int


def draw_things(random: Generator, *, unseen: bool) -> tuple[Thing, ...]:
    """The things of a scene, from the top left on; where `unseen`, one or more of its combinations are held-out ones,
    about two thirds of them on average.

    All combinations, and all cells, are alike.
    """
    number = int(random.integers(FEWEST, MOST + 1))
    different = min(number, int(random.choice(COMBINATIONS)))
    held = int(random.integers(1, different + 1)) if unseen else 0
    chosen = [
        *_some(HELD_OUT, held, random),
        *_some(SEEN, different - held, random),
    ]
    more = [chosen[int(k)] for k in random.integers(0, different, number - different)]
    cells = sorted(int(cell) for cell in random.permutation(GRID * GRID)[:number])
    everything = [*chosen, *more]
    order = random.permutation(number)
    sizes = random.integers(0, 2, number)
    return tuple(
        Thing(everything[int(k)], bool(size), cell % GRID, cell // GRID)
        for k, size, cell in zip(order, sizes, cells, strict=True)
    )


def _some(combinations: tuple[Combination, ...], count: int, random: Generator) -> list[Combination]:
    return [combinations[int(k)] for k in random.permutation(len(combinations))[:count]]
