"""What each modality gives, and whether the model is as sure as it should be: small drawings of each."""

from __future__ import annotations

from dataclasses import dataclass

from motet.model import metric_name
from motet.report.curves import Panel, drawn, round_ticks
from motet.report.reading import LOSSES, MEASURES, Metric, Tree, mapping, metric, number, records
from motet.report.wording import figure, pattern_words

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Share:
    """What one modality takes off the loss, and its part of the longest bar."""

    name: str
    value: float
    part: float


@dataclass(frozen=True)
class Reliability:
    """One pattern's diagram, and its calibration error in words."""

    name: str
    panel: Panel
    summary: str


def missing_score(evaluation: Tree) -> str:
    """Return which score there is at each rate of missing cells: accuracy, micro-F1 or R2."""
    points = [p for points in mapping(evaluation.get("missing_rate")).values() for p in records(points)]
    return next((score for _, score in MEASURES if any(score in point for point in points)), "accuracy")


def missing_panels(evaluation: Tree) -> list[Panel]:
    """Return the score against the share of cells that are missing, a panel for each modality, on one scale."""
    score, read = missing_score(evaluation), {}
    for name, points in mapping(evaluation.get("missing_rate")).items():
        pairs = [(number(point.get("rate")), number(point.get(score))) for point in records(points)]
        kept = [(rate, value) for rate, value in pairs if rate is not None and value is not None]
        if len(kept) > 1:
            read[str(name)] = kept
    if not read:
        return []
    values = [value for points in read.values() for _, value in points]
    ticks = [tick for tick in round_ticks(min(values), max(values)) if tick <= 1 + 1e-9]
    ticks = [tick for tick in ticks if score == "r2" or tick >= -1e-9]  # only R2 can be below 0
    return [
        drawn(
            f"{metric_name(score)}, {name} missing",
            {"validation": points},
            (0.0, 0.3, 0.6, 0.9),
            ticks or SHARES,
        )
        for name, points in read.items()
    ]


def shares(evaluation: Tree) -> list[Share]:
    """Return the Shapley value of each modality, the largest first."""
    read = mapping(mapping(evaluation.get("shapley")).get("values"))
    known = [(str(name), number(value)) for name, value in read.items()]
    found = [(name, value) for name, value in known if value is not None]
    longest = max((abs(value) for _, value in found), default=0.0) or 1.0
    return [
        Share(name, value, max(value, 0.0) / longest)
        for name, value in sorted(found, key=lambda pair: -pair[1])
    ]


def interactions(evaluation: Tree) -> list[str]:
    """Say for each part of the modalities what the model loses without its interaction with the others (EMAP)."""
    read = mapping(evaluation.get("emap"))
    found = []
    names = [*mapping(mapping(evaluation.get("shapley")).get("values"))]
    for name, read_part in mapping(read.get("parts")).items():
        part = mapping(read_part)
        gaps = mapping(part.get("gap"))
        loss_name = next((one for one in LOSSES if one in gaps), "")
        loss = metric(gaps.get(loss_name))
        if loss is None:
            continue
        others = [other for other in names if other != name]
        rest = str(others[0]) if len(others) == 1 else "the others"
        if figure(abs(loss.value)) == figure(0) and figure(loss.low or 0.0) == figure(loss.high or 0.0):
            found.append(f"Between {name} and {rest} nothing: the model only adds up what each says.")
            continue
        reached = "".join(f"{_both(part, score)}; " for score in gaps if score != loss_name)
        better = "better" if loss.value >= 0 else "worse"
        told = None not in (loss.low, loss.high)
        interval = f" (95 % interval {figure(loss.low)} to {figure(loss.high)})" if told else ""
        said = (
            f"Between {name} and {rest}: {reached}"
            f"{metric_name(loss_name)} {figure(abs(loss.value))} {better} with it{interval}"
        )
        found.append(f"{said}. {_judged(loss)}")
    return found


def _both(part: Tree, score: str) -> str:
    model, additive = (number(mapping(part.get(key)).get(score)) for key in ("model", "additive"))
    return f"{metric_name(score)} {figure(model)} with interaction, {figure(additive)} without"


def _judged(gap: Metric) -> str:
    if gap.low is not None and gap.low > 0:
        return "Interaction is used, and helps."
    if gap.high is not None and gap.high < 0:
        return "Interaction is used, and does harm on these rows."
    return "No gain from interaction can be told from chance."


def reliabilities(evaluation: Tree) -> list[Reliability]:
    """Return the reliability diagram of each pattern, with and without its temperature."""
    found = []
    for pattern, read in mapping(evaluation.get("calibration")).items():
        series: dict[str, list[tuple[float, float]]] = {"ideal": [(0.0, 0.0), (1.0, 1.0)]}
        for when in ("before", "after"):
            pairs = [
                (number(one.get("confidence")), number(one.get("accuracy")))
                for one in records(mapping(mapping(read).get(when)).get("bins"))
            ]
            points = [(sure, right) for sure, right in pairs if sure is not None and right is not None]
            if points:
                series[when] = points
        if "after" in series:
            before, after = (mapping(mapping(read).get(when)) for when in ("before", "after"))
            errors = [number(part.get("ece")) for part in (before, after)]
            noise = number(after.get("expected"))
            summary = f"ECE {figure(errors[0])} before, {figure(errors[1])} after its temperature"
            if noise is not None:
                summary += f"; up to {figure(noise)} would be noise"
            panel = drawn("share right, by confidence", series, SHARES, SHARES)
            found.append(Reliability(pattern_words(str(pattern)), panel, summary))
    return found
