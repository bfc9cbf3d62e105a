"""Reading an evaluation whose keys may be absent, null, or not what this version expects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """One measured value and the ends of its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


# Loss and score of what answers, by what is learned.
MEASURES = (("log_loss", "accuracy"), ("log_loss", "micro_f1"), ("relative_squared_error", "r2"))
LOSSES = ("log_loss", "relative_squared_error")


def mapping(value: object) -> Tree:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listing(value: object) -> list[Any]:
    """Return the value as a list if it is a list or a tuple, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def records(value: object) -> list[Tree]:
    """Return those elements of a list that are mappings."""
    return [element for element in listing(value) if isinstance(element, Mapping)]


def number(value: object) -> float | None:
    """Return a finite number as a float; anything else, NaN and booleans included, is None."""
    if isinstance(value, bool) or value is None or isinstance(value, str | bytes):
        return None
    try:
        converted = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return converted if math.isfinite(converted) else None


def count(value: object) -> int | None:
    """Return a whole number as an int; anything else is None."""
    converted = number(value)
    return int(converted) if converted is not None and converted == int(converted) else None


def metric(value: object) -> Metric | None:
    """Read `{"value", "low", "high"}`, or a bare number; None where nothing was measured."""
    if not isinstance(value, Mapping):
        bare = number(value)
        return None if bare is None else Metric(bare)
    measured = number(value.get("value"))
    if measured is None:
        return None
    low, high = number(value.get("low")), number(value.get("high"))
    return Metric(measured, low, high) if low is not None and high is not None else Metric(measured)


def metrics_of(score: object) -> dict[str, Metric]:
    """Read the `metrics` of one score, leaving out what was not measured."""
    read = {str(name): metric(value) for name, value in mapping(mapping(score).get("metrics")).items()}
    return {name: value for name, value in read.items() if value is not None}


def scores(evaluation: Tree) -> Iterator[Tree]:
    """Yield every score of an evaluation: overall, each pattern, each baseline."""
    yield mapping(evaluation.get("overall"))
    for group in ("patterns", "baselines"):
        yield from map(mapping, mapping(evaluation.get(group)).values())
