"""The confusion matrix as figures: numbers while they can be read, a map and the worst pairs beyond."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from motet.report.reading import Tree, count, listing, mapping
from motet.report.wording import words

# Up to so many classes the matrix is a table of numbers; up to so many its map still carries names.
NUMBERS_UP_TO = 20
NAMES_UP_TO = 60
PAIRS_SHOWN = 15

MAP_SIDE = 720
NAMED_CELL = 16
# A square thinner than this cannot be seen.
SMALLEST_SQUARE = 3


@dataclass(frozen=True)
class Cell:
    """One count, and what share of the rows of its true class that is (0 to 1)."""

    count: int
    share: float
    right: bool


@dataclass(frozen=True)
class Square:
    """One filled cell of the map, in its own units, with the sentence that is shown when it is pointed at."""

    x: float
    y: float
    cell: Cell
    title: str


@dataclass(frozen=True)
class Pair:
    """Rows of one class that were taken for another."""

    label: str
    taken_for: str
    count: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """Counts with true classes as rows and predicted ones as columns; `side` is that of a cell of the map."""

    labels: tuple[str, ...]
    table: tuple[tuple[Cell, ...], ...]
    squares: tuple[Square, ...]
    side: float
    named: bool
    pairs: tuple[Pair, ...]
    wrong: int
    n: int

    @property
    def drawn_side(self) -> float:
        """The side of a drawn square: that of its cell, or what can be seen."""
        return max(self.side, SMALLEST_SQUARE)

    @property
    def compact(self) -> bool:
        """Whether there are too many classes for a table of numbers."""
        return len(self.labels) > NUMBERS_UP_TO


def confusion(evaluation: Tree) -> Confusion | None:
    """Return the confusion matrix of an evaluation, or None where it holds none."""
    read = mapping(evaluation.get("confusion"))
    labels = tuple(words(label) for label in listing(read.get("labels")))
    counts = _counts(listing(read.get("matrix")), len(labels))
    n = sum(map(sum, counts))
    if not labels or not n:
        return None
    compact = len(labels) > NUMBERS_UP_TO
    named = len(labels) <= NAMES_UP_TO
    side = NAMED_CELL if named else MAP_SIDE / len(labels)
    return Confusion(
        labels,
        () if compact else tuple(tuple(_cells(row, true)) for true, row in enumerate(counts)),
        tuple(_squares(counts, labels, side)) if compact else (),
        side,
        named,
        tuple(_pairs(counts, labels)[:PAIRS_SHOWN]),
        n - sum(counts[index][index] for index in range(len(labels))),
        n,
    )


def _counts(matrix: Sequence[object], classes: int) -> list[list[int]]:
    rows = [listing(row)[:classes] for row in matrix[:classes]]
    filled = [[max(count(value) or 0, 0) for value in row] + [0] * (classes - len(row)) for row in rows]
    return filled + [[0] * classes for _ in range(classes - len(rows))]


def _cells(row: Sequence[int], true: int) -> list[Cell]:
    support = sum(row) or 1
    return [Cell(value, value / support, predicted == true) for predicted, value in enumerate(row)]


def _filled(counts: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, Cell]]:
    for true, row in enumerate(counts):
        support = sum(row)
        for predicted, value in enumerate(row):
            if value:
                yield true, predicted, Cell(value, value / support, predicted == true)


def _squares(counts: Sequence[Sequence[int]], labels: Sequence[str], side: float) -> list[Square]:
    return [
        Square(
            round(predicted * side, 2),
            round(true * side, 2),
            cell,
            f"{labels[true]}, predicted {labels[predicted]}: {cell.count}",
        )
        for true, predicted, cell in _filled(counts)
    ]


def _pairs(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> list[Pair]:
    pairs = [
        Pair(labels[true], labels[predicted], cell.count, cell.share)
        for true, predicted, cell in _filled(counts)
        if not cell.right
    ]
    return sorted(pairs, key=lambda pair: (-pair.count, -pair.share))
