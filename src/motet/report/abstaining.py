"""What abstaining buys: the share of wrong answers among the surest, of all and of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from motet.report.availability import SHARES
from motet.report.curves import Panel, drawn, round_ticks
from motet.report.reading import Tree, count, mapping, number, records
from motet.report.wording import figure, whole

CLASSES_DRAWN = 8
FEW = 5  # answers of a class below which its curve would be of chance
KEPT = (0.9, 0.8, 0.5)


@dataclass(frozen=True)
class Risk:
    """One risk-coverage curve: of what, drawn, and in words."""

    name: str
    panel: Panel
    summary: str


def risks(evaluation: Tree) -> list[Risk]:
    """Return the curve of all answers, then those of the classes with the largest area under them that is not zero."""
    read = mapping(evaluation.get("risk_coverage"))
    whole_curve = mapping(read.get("overall"))
    ranked = sorted(
        (
            (-area, str(name), mapping(curve))
            for name, curve in mapping(read.get("classes")).items()
            if (area := number(mapping(curve).get("aurc")) or 0.0) > 0
            and (count(mapping(curve).get("n")) or 0) >= FEW
        ),
        key=lambda one: one[:2],
    )
    shown = [("all answers", whole_curve), *((name, curve) for _, name, curve in ranked[:CLASSES_DRAWN])]
    points = {name: _points(curve) for name, curve in shown}
    values = [risk for drawn_points in points.values() for _, risk in drawn_points]
    if not values or not points["all answers"]:
        return []
    ticks = [tick for tick in round_ticks(0.0, max(values)) if tick <= 1 + 1e-9]
    return [_risk(name, curve, points[name], ticks) for name, curve in shown if points[name]]


def _risk(name: str, curve: Tree, points: Sequence[tuple[float, float]], ticks: Sequence[float]) -> Risk:
    error = points[-1][1]
    series = {"ideal": [(0.0, error), (1.0, error)], "after": points}
    at = [(share, next((risk for kept, risk in points if kept >= share - 1e-9), None)) for share in KEPT]
    told = [f"{figure(risk)} of the surest {100 * share:.0f} %" for share, risk in at if risk is not None]
    summary = (
        f"{whole(curve.get('n'))} answers: {figure(error)} wrong; {', '.join(told)}. "
        f"AURC {figure(curve.get('aurc'))}"
    )
    return Risk(name, drawn("share wrong, by share kept", series, SHARES, ticks), summary)


def _points(curve: Tree) -> list[tuple[float, float]]:
    read = [(number(one.get("coverage")), number(one.get("risk"))) for one in records(curve.get("points"))]
    kept = [(x, y) for x, y in read if x is not None and y is not None and 0 <= x <= 1 and 0 <= y <= 1]
    return sorted(kept) if len(kept) > 1 else []
