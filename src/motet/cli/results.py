"""An evaluation as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motet.cli.console import counted, message, print_table, shortened
from motet.model import METRIC_NAMES

FOUND = ("recall@1", "recall@5", "recall@10")


def print_evaluation(evaluation: Mapping[str, Any], *, ceilings: Mapping[str, float] | None = None) -> None:
    """Print each pattern beside the baselines, with 95 % intervals; `ceilings`: best possible accuracies."""
    for note in evaluation.get("notes", []):
        message(f"note: {note}")
    if "overall" not in evaluation:
        message("no test rows: the model was trained, but not measured")
        return
    rows = []
    shown = [key for key in METRIC_NAMES if key in evaluation["overall"]["metrics"]]
    entries = {"each row with what it has": evaluation["overall"], **evaluation["patterns"]}
    for name, entry in entries.items():
        chosen = evaluation.get("selection", {}).get(name, {}).get("chosen", "")
        best = (ceilings or {}).get("overall" if name.startswith("each") else name)
        rows.append(
            _row(name, entry, shown)
            + ([f"{best:.3f}" if best is not None else ""] if ceilings else [])
            + [chosen]
        )
    for name, entry in evaluation["baselines"].items():
        rows.append(_row(f"baseline {name}", entry, shown) + ([""] if ceilings else []) + [""])
    columns = ["pattern", "rows", *(METRIC_NAMES[key] for key in shown)]
    columns += (["best possible"] if ceilings else []) + ["answered by"]
    measured = "row" if evaluation["split"] == "given" else f"{evaluation['split']} row"
    wilson = "; for accuracy at least Wilson's" if "accuracy" in shown else ""
    title = f"{counted(evaluation['n'], measured)}; brackets: 95 % interval (bootstrap{wilson})"
    print_table(title, columns, rows, left=("answered by",))
    for column, slices in evaluation.get("slices", {}).items():
        parts = sorted(slices, key=lambda part: _first(part["metrics"][shown[0]]["value"]))
        print_table(
            f"by {column}, the worst first",
            ["value", "rows", *(METRIC_NAMES[key] for key in shown)],
            [_row(shortened(part["name"], 40), part, shown) for part in parts],
        )
    broken = evaluation["issues"]["broken"]
    if broken:
        message(f"{counted(broken, 'broken cell')}, treated as absent: see the report")


def print_matches(evaluation: Mapping[str, Any]) -> None:
    """Print both directions of a model that matches, beside its languages and baselines, with 95 % intervals."""
    for note in evaluation.get("notes", []):
        message(f"note: {note}")
    if "directions" not in evaluation:
        message("no test pictures: the model was trained, but not measured")
        return
    rows = []
    for direction, entry in evaluation["directions"].items():
        better = evaluation.get("reranked")
        beside = {
            **({f"  first {better['depth']} by words and regions": better} if better else {}),
            **{f"  {name} sentences": one for name, one in evaluation.get("languages", {}).items()},
            **{f"  baseline {name}": one for name, one in evaluation["baselines"].items()},
        }
        rows.append(_found(direction, entry))
        rows += [_found(name, one["directions"][direction]) for name, one in beside.items()]
    print_table(
        f"{counted(evaluation['n'], 'picture')}; brackets: 95 % interval (bootstrap over pictures)",
        [
            "direction",
            "queries",
            "gallery",
            *(METRIC_NAMES[key] for key in FOUND),
            METRIC_NAMES["median_rank"],
        ],
        rows,
    )
    broken = evaluation["issues"]["broken"]
    if broken:
        message(f"{counted(broken, 'broken cell')}, treated as absent: see the report")


def print_zero_shot(measured: Mapping[str, Any]) -> None:
    """Print how well classes are told apart by sentences about them, and by a few examples too."""
    rows = [
        [
            "zero-shot",
            "0",
            interval(measured["metrics"]["accuracy"]),
            interval(measured["metrics"]["log_loss"]),
        ]
    ]
    for count, ways in measured["few_shot"].items():
        for name, title in (("cache", "cache of examples"), ("probe", "probe from the sentences")):
            if name in ways:
                metrics = ways[name]["accuracy"], ways[name]["log_loss"]
                rows.append([title, count, *map(interval, metrics)])
    print_table(
        f"{measured['label']}: {counted(measured['n'], 'picture')}, {len(measured['classes'])} classes, by chance "
        f"{measured['chance']:.3f}",
        ["answered by", "examples a class", METRIC_NAMES["accuracy"], METRIC_NAMES["log_loss"]],
        rows,
        left=("answered by",),
    )


def _found(name: str, entry: Mapping[str, Any]) -> list[str]:
    median = entry["metrics"]["median_rank"]["value"]
    figures = (interval(entry["metrics"][metric]) for metric in FOUND)
    return [name, str(entry["n"]), str(entry["gallery"]), *figures, f"{median:g}"]


def _row(name: str, entry: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    return [name, str(entry["n"]), *(interval(entry["metrics"][key]) for key in shown)]


def _first(value: float | None) -> float:
    return float("inf") if value is None else value


def interval(metric: Mapping[str, Any]) -> str:
    """A metric with its interval, as far as they are known."""
    if metric["value"] is None:
        return "-"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
