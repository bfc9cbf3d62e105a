"""What each modality gives, and whether the model is as sure as it should be: small drawings of each."""

from __future__ import annotations

from dataclasses import dataclass

from motet.report.curves import Panel, drawn, round_ticks
from motet.report.reading import Metric, Tree, mapping, metric, number, records
from motet.report.wording import figure, pattern_words

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Share:
    """What one modality adds, in nats a row, and its part of the longest bar."""

    name: str
    value: float
    part: float


@dataclass(frozen=True)
class Reliability:
    """One pattern's diagram, and its calibration error in words."""

    name: str
    panel: Panel
    summary: str


def missing_panels(evaluation: Tree) -> list[Panel]:
    """Return accuracy against the share of cells that are missing, a panel for each modality, on one scale."""
    read = {}
    for name, points in mapping(evaluation.get("missing_rate")).items():
        pairs = [(number(point.get("rate")), number(point.get("accuracy"))) for point in records(points)]
        kept = [(rate, accuracy) for rate, accuracy in pairs if rate is not None and accuracy is not None]
        if len(kept) > 1:
            read[str(name)] = kept
    if not read:
        return []
    values = [accuracy for points in read.values() for _, accuracy in points]
    ticks = [tick for tick in round_ticks(min(values), max(values)) if -1e-9 <= tick <= 1 + 1e-9]
    return [
        drawn(f"accuracy, {name} missing", {"validation": points}, (0.0, 0.3, 0.6, 0.9), ticks or SHARES)
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
    names = list(mapping(evaluation.get("shapley")).get("values") or ())
    for name, part in mapping(read.get("parts")).items():
        accuracy, loss = (
            metric(mapping(mapping(part).get("gap")).get(key)) for key in ("accuracy", "log_loss")
        )
        if accuracy is None or loss is None:
            continue
        others = [other for other in names if other != name]
        rest = str(others[0]) if len(others) == 1 else "the others"
        model, additive = (
            number(mapping(mapping(part).get(key)).get("accuracy")) for key in ("model", "additive")
        )
        if figure(abs(loss.value)) == figure(0) and figure(loss.low or 0.0) == figure(loss.high or 0.0):
            found.append(f"Between {name} and {rest} nothing: the model only adds up what each says.")
            continue
        better = "better" if loss.value >= 0 else "worse"
        told = None not in (loss.low, loss.high)
        interval = f" (95 % interval {figure(loss.low)} to {figure(loss.high)})" if told else ""
        said = (
            f"Between {name} and {rest}: accuracy {figure(model)} with interaction, {figure(additive)} without; "
            f"log-loss {figure(abs(loss.value))} {better} with it{interval}"
        )
        found.append(f"{said}. {_judged(loss)}")
    return found


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
