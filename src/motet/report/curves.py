"""Training histories as curves: losses on one panel, the validation's accuracy on another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from motet.report.reading import Tree, mapping, number, records
from motet.report.wording import figure

# The drawing's own units; the page scales them to the width there is.
WIDTH, HEIGHT = 340, 180
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 26

# Beyond these, rounding errors and overflow would be all that is left to draw.
SMALLEST_SPREAD, LARGEST_DRAWN = 1e-9, 1e12

SERIES = {
    "loss": (("train_loss", "train"), ("validation_loss", "validation")),
    "accuracy": (("train_accuracy", "train"), ("validation_accuracy", "validation")),
}


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what is written there."""

    place: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One series of points `(x, y)` in the drawing's units; y grows downwards."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True)
class Panel:
    """One pair of axes with its curves."""

    title: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    best: float | None
    described: str


@dataclass(frozen=True)
class History:
    """The panels of one trained head, and its best epoch in words."""

    name: str
    summary: str
    panels: tuple[Panel, ...]


def histories(evaluation: Tree) -> list[History]:
    """Return the drawn history of each head that has one."""
    read = mapping(evaluation.get("history"))
    found = [_history(str(name), records(epochs)) for name, epochs in read.items()]
    return [history for history in found if history.panels]


def round_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Return round values, 1, 2 or 5 times a power of ten apart, that reach at least from `low` to `high`."""
    spread = high - low
    if spread <= max(abs(low) * 1e-9, SMALLEST_SPREAD):
        spread = max(abs(low), 1.0)
        low, high = low - spread / 2, high + spread / 2
    rough = spread / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def _history(name: str, epochs: Sequence[Tree]) -> History:
    numbered = [(number(epoch.get("epoch")) or index + 1.0, epoch) for index, epoch in enumerate(epochs)]
    losses = [(number(epoch.get("validation_loss")), at) for at, epoch in numbered]
    best = min(((loss, at) for loss, at in losses if loss is not None), default=None)
    summary = f"{len(epochs)} epochs" if len(epochs) != 1 else "1 epoch"
    if best is not None:
        summary += f", lowest validation loss {figure(best[0])} at epoch {best[1]:g}"
    panels = [_panel(title, numbered, None if best is None else best[1]) for title in SERIES]
    return History(name, summary, tuple(panel for panel in panels if panel is not None))


def _panel(title: str, epochs: Sequence[tuple[float, Tree]], best: float | None) -> Panel | None:
    series = {}
    for key, name in SERIES[title]:
        values = [(at, number(epoch.get(key))) for at, epoch in epochs]
        measured = [(at, value) for at, value in values if value is not None and abs(value) <= LARGEST_DRAWN]
        if measured:
            series[name] = measured
    if not series:
        return None
    xs = [at for measured in series.values() for at, _ in measured]
    ys = [value for measured in series.values() for _, value in measured]
    y_values = round_ticks(min(ys), max(ys))
    if title == "accuracy":
        y_values = [value for value in y_values if -1e-9 <= value <= 1 + 1e-9] or y_values
    return drawn(title, series, epoch_ticks(min(xs), max(xs)), y_values, best=best)


def drawn(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    x_values: Sequence[float],
    y_values: Sequence[float],
    *,
    best: float | None = None,
) -> Panel:
    """Return the series as curves over axes that are marked at these values, and reach at least so far."""
    xs = [at for measured in series.values() for at, _ in measured]
    ys = [value for measured in series.values() for _, value in measured]
    x_ends = (min(*xs, *x_values), max(*xs, *x_values))
    y_ends = (min(*ys, *y_values), max(*ys, *y_values))
    decimals = _decimals(y_values)
    return Panel(
        title,
        tuple(
            Curve(name, tuple((_x(at, x_ends), _y(value, y_ends)) for at, value in measured))
            for name, measured in series.items()
        ),
        tuple(Tick(_x(value, x_ends), f"{value:g}") for value in x_values),
        tuple(Tick(_y(value, y_ends), f"{value:.{decimals}f}") for value in y_values),
        None if best is None else _x(best, x_ends),
        "; ".join(
            f"{name} {title} from {figure(measured[0][1])} to {figure(measured[-1][1])}"
            for name, measured in series.items()
        ),
    )


def epoch_ticks(first: float, last: float) -> list[float]:
    """Return whole epochs to mark from the first to the last."""
    if first == last:
        return [first]
    ticks = [value for value in round_ticks(first, last) if first < value <= last and value == int(value)]
    # The first epoch is always named; a neighbour that would run into it gives way.
    return [first, *(value for value in ticks if value - first > (last - first) / 12)]


def _x(value: float, ends: tuple[float, float]) -> float:
    return _between(value, ends, LEFT, WIDTH - RIGHT)


def _y(value: float, ends: tuple[float, float]) -> float:
    return _between(value, ends, HEIGHT - BOTTOM, TOP)


def _between(value: float, ends: tuple[float, float], start: float, stop: float) -> float:
    low, high = ends
    share = (value - low) / (high - low) if high > low else 0.5
    return round(start + share * (stop - start), 2)


def _decimals(values: Sequence[float]) -> int:
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    return min(max(-math.floor(math.log10(step) + 1e-9), 0), 6) if step > 0 else 0
