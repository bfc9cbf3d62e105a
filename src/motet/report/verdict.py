"""The evaluation in words: how good, against what, and whether each pattern holds up."""

from __future__ import annotations

from dataclasses import dataclass

from motet.model import metric_name
from motet.report.intervals import drawn_metric
from motet.report.reading import Metric, Tree, count, mapping, metrics_of
from motet.report.wording import between, figure, pattern_words, whole


@dataclass(frozen=True)
class Rival:
    """The best baseline that a pattern could have used."""

    name: str
    value: float
    n: int | None


@dataclass(frozen=True)
class Verdict:
    """One sentence that a hurried reader takes along, and a few that qualify it."""

    sentence: str
    details: tuple[str, ...]


def verdict(evaluation: Tree) -> Verdict:
    """Say what was reached with everything present, against the best baseline, and how each pattern fares."""
    name = drawn_metric(evaluation)
    if name is None:
        return Verdict("Nothing was measured.", ())
    measured = _measured(evaluation, name)
    if not measured:
        return Verdict(_as_they_are(evaluation, name) or "Of the model itself, nothing was measured.", ())
    fullest = max(measured, key=_width)
    details = [_others(evaluation, name, measured, fullest), _as_they_are(evaluation, name)]
    return Verdict(_headline(evaluation, name, measured, fullest), tuple(filter(None, details)))


def best_baseline(evaluation: Tree, pattern: str, name: str) -> Rival | None:
    """Return the best baseline among those that need no modality which the pattern lacks."""
    rivals = []
    for baseline, score in mapping(evaluation.get("baselines")).items():
        value = metrics_of(score).get(name)
        needed = _modalities(str(mapping(score).get("pattern") or ""))
        if value is not None and needed <= _modalities(pattern):
            rivals.append(Rival(str(baseline), value.value, count(mapping(score).get("n"))))
    return max(rivals, key=lambda rival: rival.value, default=None)


def standing(score: Metric, rival: float) -> str:
    """Place a score against a baseline: `clearly above`, `above`, `equal`, `below` or `clearly below`.

    Clearly means that the score's interval lies wholly on one side. Values are compared as they are printed,
    so that two figures which look equal are called equal.
    """
    if figure(score.value) == figure(rival):
        return "equal"
    above = score.value > rival
    end = score.low if above else score.high
    clearly = end is not None and (end > rival if above else end < rival)
    return ("clearly " if clearly else "") + ("above" if above else "below")


def _headline(evaluation: Tree, name: str, measured: dict[str, Metric], pattern: str) -> str:
    score = measured[pattern]
    n = count(mapping(mapping(evaluation.get("patterns")).get(pattern)).get("n"))
    split = str(evaluation.get("split") or "")
    counted = "" if n is None else whole(n)
    rows = " ".join(filter(None, (counted, split, "row" if n == 1 else "rows")))
    reached = (
        f"the model is right on {figure(score.value)} of {rows}"
        if name == "accuracy"
        else f"the model reaches {metric_name(name)} {figure(score.value)} on {rows}"
    )
    interval = f" (95 % interval {between(score)})" if between(score) else ""
    with_what = f"With {pattern_words(pattern)}, " if pattern != "none" else "With nothing present, "
    return with_what + reached + interval + _against(score, best_baseline(evaluation, pattern, name), n) + "."


def _against(score: Metric, rival: Rival | None, n: int | None) -> str:
    if rival is None:
        return "; there is no baseline to hold it against"
    noun = "row" if rival.n == 1 else "rows"
    rows = f" on {whole(rival.n)} {noun}" if rival.n is not None and rival.n != n else ""
    what = f"the best simple baseline ({rival.name}, {figure(rival.value)}{rows})"
    unsettled = ", though not by more than the interval" if score.low is not None else ""
    place = standing(score, rival.value)
    if place == "equal":
        return f", the same as {what}"
    if place == "clearly below":
        return f", clearly below {what}: prefer that one"
    return f", {place} {what}" + ("" if place == "clearly above" else unsettled)


def _others(evaluation: Tree, name: str, measured: dict[str, Metric], fullest: str) -> str:
    places = {}
    for pattern, score in measured.items():
        rival = best_baseline(evaluation, pattern, name)
        if rival is not None:
            places[pattern] = (standing(score, rival.value), rival)
    others = [
        f"{figure(measured[pattern].value)} with {pattern_words(pattern)}"
        for pattern in measured
        if pattern not in (fullest, "none")
    ]
    reached = f"It reaches {_joined(others)}. " if others else ""
    fallen = [
        f"{pattern_words(pattern)} "
        f"({figure(measured[pattern].value)} against {figure(rival.value)}, {rival.name})"
        for pattern, (place, rival) in places.items()
        if place == "clearly below"
    ]
    if fallen:
        return f"{reached}Clearly below a simple baseline: {_joined(fallen)}."
    if len(places) < 2:
        return reached.strip()
    if any(place == "below" for place, _ in places.values()):
        return f"{reached}No pattern falls below its best baseline by more than its interval."
    return f"{reached}Every pattern is at or above its best baseline."


def _as_they_are(evaluation: Tree, name: str) -> str:
    overall = mapping(evaluation.get("overall"))
    score = metrics_of(overall).get(name)
    if score is None:
        return ""
    n = count(overall.get("n"))
    rows = "all rows as they are" if n is None else f"all {whole(n)} rows as they are"
    rows = "the 1 row as it is" if n == 1 else rows
    interval = f" ({between(score)})" if between(score) else ""
    return f"Over {rows}, each with what it has: {figure(score.value)}{interval}."


def _measured(evaluation: Tree, name: str) -> dict[str, Metric]:
    found = {
        str(pattern): metrics_of(score).get(name)
        for pattern, score in mapping(evaluation.get("patterns")).items()
    }
    return {pattern: score for pattern, score in found.items() if score is not None}


def _modalities(pattern: str) -> frozenset[str]:
    return frozenset(part for part in pattern.split("+") if part and part != "none")


def _width(pattern: str) -> int:
    return len(_modalities(pattern))


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
