"""Scores as points with 95 % intervals on one common axis, each pattern beside its baselines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from motet.model import METRIC_NAMES
from motet.report.reading import Metric, Tree, count, mapping, metrics_of, number, scores
from motet.report.wording import pattern_words

LOWER_IS_BETTER = ("log_loss", "ece", "rmse", "mae")


@dataclass(frozen=True)
class Axis:
    """A common axis for shares between 0 and 1; positions on it are per cent of its length."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def position(self, value: float) -> float:
        """Return where a value lies, in per cent of the axis from its left end, held within the axis."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)


@dataclass(frozen=True)
class Mark:
    """Where one score is drawn, in per cent of the axis; `beyond` where its point lies outside the axis."""

    point: float
    low: float | None
    high: float | None
    ceiling: float | None
    beyond: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the table: the model under a pattern, or a baseline."""

    name: str
    baseline: bool
    n: int | None
    metrics: dict[str, Metric]
    ceiling: float | None = None
    mark: Mark | None = None


@dataclass(frozen=True)
class Comparison:
    """The table of scores: groups of lines (a pattern, then its baselines) on one axis, and their metrics."""

    groups: tuple[tuple[Line, ...], ...]
    columns: tuple[str, ...]
    drawn: str | None
    axis: Axis | None
    has_ceilings: bool
    has_beyond: bool


def share_axis(values: Iterable[float]) -> Axis | None:
    """Return the shortest axis between round ends that holds all values; None without values.

    Ends and ticks are multiples of the step: 0.05 up to a spread of 0.25, 0.1 up to 0.5, else 0.2. Points
    with intervals carry no length that could mislead, so the axis need not begin at zero.
    """
    held = [min(max(value, 0.0), 1.0) for value in values]
    if not held:
        return None
    lowest, highest = min(held), max(held)
    spread = highest - lowest
    step = 0.05 if spread <= 0.25 else 0.1 if spread <= 0.5 else 0.2
    # Rounding first: 0.3 / 0.1 is 2.9999999999999996.
    first, last = math.floor(round(lowest / step, 9)), math.ceil(round(highest / step, 9))
    if first == last:
        first, last = max(first - 1, 0), last + (first == 0)
    ticks = tuple(round(index * step, 2) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def comparison(evaluation: Tree) -> Comparison | None:
    """Return the table of scores of an evaluation, or None where it holds none."""
    groups = [group for group in _groups(evaluation) if group]
    columns = metric_columns(line for group in groups for line in group)
    if not groups or not columns:
        return None
    drawn = drawn_metric(evaluation)
    if drawn != "accuracy":
        # A ceiling is the best possible accuracy: beside another metric it would mean nothing.
        groups = [tuple(replace(line, ceiling=None) for line in group) for group in groups]
    axis = share_axis(_extent(groups, drawn)) if drawn else None
    groups = [tuple(drawn_line(line, drawn, axis) for line in group) for group in groups]
    marks = [line.mark for group in groups for line in group if line.mark is not None]
    return Comparison(
        tuple(groups),
        columns,
        drawn,
        axis,
        has_ceilings=any(mark.ceiling is not None for mark in marks),
        has_beyond=any(mark.beyond for mark in marks),
    )


def metric_columns(lines: Iterable[Line]) -> tuple[str, ...]:
    """Return the metrics that any line has: known ones in their order, then the others by name."""
    present = {name for line in lines for name in line.metrics}
    return tuple(
        [name for name in METRIC_NAMES if name in present] + sorted(present.difference(METRIC_NAMES))
    )


def drawn_metric(evaluation: Tree) -> str | None:
    """Return the metric that the page draws and judges by: accuracy, R2, or the first other share there is."""
    present = {name: value for score in scores(evaluation) for name, value in metrics_of(score).items()}
    if "r2" in present:  # below 0 where a model is worse than the mean: still what it is judged by
        return "r2"
    known = [name for name in METRIC_NAMES if name in present]
    candidates = known + sorted(set(present).difference(known))
    shares = [name for name in candidates if name not in LOWER_IS_BETTER and 0 <= present[name].value <= 1]
    return shares[0] if shares else None


def _groups(evaluation: Tree) -> list[tuple[Line, ...]]:
    patterns = mapping(evaluation.get("patterns"))
    ceilings = mapping(evaluation.get("ceilings"))
    baselines: dict[str, list[Line]] = {}
    for name, score in mapping(evaluation.get("baselines")).items():
        pattern = str(mapping(score).get("pattern") or "none")
        baselines.setdefault(pattern, []).append(_line(str(name), score, baseline=True))
    groups: list[tuple[Line, ...]] = []
    if metrics_of(evaluation.get("overall")):
        whole = _line("all rows as they are", evaluation["overall"], baseline=False)
        groups.append((replace(whole, ceiling=number(ceilings.get("overall"))),))
    names = [*map(str, patterns), *(pattern for pattern in baselines if pattern not in patterns)]
    for pattern in sorted(names, key=lambda name: name == "none"):
        model = _line(pattern_words(pattern), patterns.get(pattern), baseline=False)
        model = replace(model, ceiling=number(ceilings.get(pattern)))
        groups.append((model, *baselines.get(pattern, [])))
    return groups


def _line(name: str, score: object, *, baseline: bool) -> Line:
    return Line(name, baseline, count(mapping(score).get("n")), metrics_of(score))


def _extent(groups: Iterable[tuple[Line, ...]], drawn: str) -> list[float]:
    # Guessing from nothing would stretch the axis until the patterns that matter cannot be told apart.
    informed = [group for group in groups if group[0].name != pattern_words("none")]
    lines = [line for group in informed or groups for line in group if drawn in line.metrics]
    found = [line.metrics[drawn] for line in lines]
    ends = [end for value in found for end in (value.value, value.low, value.high)]
    return [end for end in [*ends, *(line.ceiling for line in lines)] if end is not None]


def drawn_line(line: Line, drawn: str | None, axis: Axis | None) -> Line:
    """Return the line with its mark on the axis, where it has the metric that is drawn."""
    score = line.metrics.get(drawn) if drawn else None
    if score is None or axis is None:
        return line
    if not axis.low <= score.value <= axis.high:
        return replace(line, mark=Mark(axis.position(score.value), None, None, None, beyond=True))

    def place(value: float | None) -> float | None:
        return None if value is None else axis.position(value)

    mark = Mark(axis.position(score.value), place(score.low), place(score.high), place(line.ceiling))
    return replace(line, mark=mark)
