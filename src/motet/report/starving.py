"""What a fused head learns from each modality as it trains, beside a head that was trained on that one alone."""

from __future__ import annotations

from dataclasses import dataclass

from motet.report.curves import LARGEST_DRAWN, Panel, drawn, epoch_ticks, round_ticks
from motet.report.reading import LOSSES, Tree, mapping, number, records
from motet.report.wording import figure

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class AloneCurve:
    """One modality of one fusion: its drawing, and in words how far it came."""

    modality: str
    panel: Panel
    summary: str


@dataclass(frozen=True)
class Alone:
    """The curves of one fusion, on one scale."""

    name: str
    curves: tuple[AloneCurve, ...]


def alone_curves(evaluation: Tree) -> list[Alone]:
    """Return, for each fusion whose training measured it, the held-out loss of each modality alone by epoch."""
    singles = _singles(evaluation)
    found = []
    for name, epochs in mapping(evaluation.get("history")).items():
        read: dict[str, Points] = {}
        for index, epoch in enumerate(records(epochs)):
            at = number(epoch.get("epoch")) or index + 1.0
            for modality, loss in mapping(epoch.get("alone")).items():
                value = number(loss)
                if value is not None and 0 <= value <= LARGEST_DRAWN:
                    read.setdefault(str(modality), []).append((at, value))
        if read:
            found.append(Alone(str(name), _drawn(read, singles)))
    return found


def _drawn(read: dict[str, Points], singles: dict[str, float]) -> tuple[AloneCurve, ...]:
    references = {modality: singles[modality] for modality in read if modality in singles}
    values = [value for points in read.values() for _, value in points] + [*references.values()]
    epochs = [at for points in read.values() for at, _ in points]
    x_ticks, y_ticks = epoch_ticks(min(epochs), max(epochs)), round_ticks(min(values), max(values))
    made = []
    for modality, points in read.items():
        series: dict[str, Points] = {"validation": points}
        summary = f"{figure(points[-1][1])} after epoch {points[-1][0]:g}"
        lowest = min(points, key=lambda point: point[1])
        if figure(lowest[1]) != figure(points[-1][1]):
            summary += f", {figure(lowest[1])} after epoch {lowest[0]:g}"
        if modality in references:
            level = references[modality]
            series["ideal"] = [(min(epochs), level), (max(epochs), level)]
            summary += f"; a model of it alone reaches {figure(level)}"
        made.append(AloneCurve(modality, drawn(f"loss, {modality} alone", series, x_ticks, y_ticks), summary))
    return tuple(made)


def _singles(evaluation: Tree) -> dict[str, float]:
    """The lowest held-out loss of what was trained on one modality alone, by modality."""
    found: dict[str, float] = {}
    for pattern, choice in mapping(evaluation.get("selection")).items():
        losses = [
            loss
            for candidate in records(mapping(choice).get("candidates"))
            for name in LOSSES
            if candidate.get("kind") == "single" and (loss := number(candidate.get(name))) is not None
        ]
        if losses and "+" not in str(pattern):
            found[str(pattern)] = min(losses)
    return found
