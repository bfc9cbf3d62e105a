"""Every way to answer on the same held-out rows, for every pattern: its metrics, and whether it ties with the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation import paired_difference
from motet.experiments.boosting import BOOSTING
from motet.model import HeadEntry, Member, PatternEntry
from motet.runtime.target import Target
from motet.selection import Selection, crossed, crossed_judged, halves_of
from motet.selection.by_pattern import HeadLogits
from motet.selection.candidates import ways
from motet.selection.way import Way

Floats = npt.NDArray[np.floating]
Truth = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
BASELINE = "baseline"


@dataclass(frozen=True)
class Held:
    """What heads answer to N held rows: logits as selection asks for them, those of gradient boosting [N, O] where
    there is a tabular source, which modalities are present [N], what is true [N], and what rows without any get."""

    target: Target
    entries: Mapping[str, HeadEntry]
    modality_of: Mapping[str, str]
    logits: HeadLogits
    boosted: Floats | None
    present: Mapping[str, npt.NDArray[np.bool_]]
    truth: Truth
    prior: Floats


@dataclass(frozen=True)
class Answered:
    """One way's answers to the rows of a pattern: probabilities [n, C] or numbers [n, 1], and as they are measured."""

    name: str
    kind: str
    heads: tuple[str, ...]
    answers: Floats
    judged: Floats


def leaderboard(
    held: Held,
    selection: Selection,
    patterns: Sequence[str],
    seconds: Mapping[str, float],
    parameters: Mapping[str, int],
    seed: int,
) -> list[dict[str, Any]]:
    """The rows of `compare`, from the lowest loss of the first pattern; seconds, parameters : of each head."""
    halves = halves_of(len(held.truth), seed)
    rows: dict[str, dict[str, Any]] = {}
    for pattern in reversed(patterns):
        shown = frozenset(pattern.split("+")) - {"none"}
        have = _rows_with(held, shown)
        if len(have) == 0:
            continue
        truth, losses = held.truth[have], {}
        for one in _answered(held, selection, shown, have, halves[have]):
            losses[one.name] = held.target.row_losses(one.answers, truth)
            row = rows.setdefault(one.name, _row(one, seconds, parameters))
            row["patterns"][pattern] = {
                "n": len(have),
                "loss": float(losses[one.name].mean()),
                "metrics": held.target.metrics(one.judged, truth, seed=seed),
            }
        best = min(losses, key=lambda name: float(losses[name].mean()))
        for name, loss in losses.items():
            tied = name == best or not _worse_than(loss, losses[best], seed)
            rows[name]["patterns"][pattern]["tied"] = tied

    def rank(row: Mapping[str, Any]) -> float:
        measured = row["patterns"].get(patterns[0])
        return float(measured["loss"]) if measured else float("inf")

    return sorted(rows.values(), key=rank)


def _rows_with(held: Held, shown: frozenset[str]) -> Rows:
    have = [held.present[modality] for modality in shown]
    return np.flatnonzero(np.logical_and.reduce(have)) if have else np.arange(len(held.truth))


def _answered(
    held: Held, selection: Selection, shown: frozenset[str], have: Rows, halves: Rows
) -> list[Answered]:
    """The baseline that looks at nothing, every way that selection knows, and gradient boosting."""
    target, truth = held.target, held.truth[have]
    prior = np.tile(held.prior, (len(have), 1))
    found = [Answered(target.prior_name, BASELINE, (), prior, _judged(target, prior, truth, halves))]

    def add(way: Way, logits: Mapping[str, Floats]) -> None:
        answers = crossed_judged(way, logits, truth, halves, target)
        found.append(Answered(way.name, way.kind, way.heads, *answers))

    if shown:
        for way in ways(held.entries, held.modality_of, shown, selection.experts, target):
            add(way, {name: target.spread(held.logits(name, shown, have)) for name in way.heads})
    if held.boosted is not None and "tabular" in shown:
        rule = "sum" if target.kind == "number" else "product"
        way = Way(BOOSTING, BASELINE, rule, (BOOSTING,), lambda logits, truth: (Member(BOOSTING),))
        add(way, {BOOSTING: target.spread(held.boosted[have])})
    return found


def _judged(target: Target, answers: Floats, truth: Truth, halves: Rows) -> Floats:
    """What learns nothing as it is measured: each half of the rows by the cuts that the other half taught."""
    rows, parts = [], []
    for asked, learn in crossed(halves):
        cuts = target.cuts(answers[learn], truth[learn])
        entry = PatternEntry("", (), 1.0, "", "", (), cuts)
        parts.append(target.judged(answers[asked], [""] * len(asked), {"": entry}))
        rows.append(asked)
    judged: Floats = np.concatenate(parts)[np.argsort(np.concatenate(rows))]
    return judged


def _row(one: Answered, seconds: Mapping[str, float], parameters: Mapping[str, int]) -> dict[str, Any]:
    """What a way costs: the heads that it may read, together."""
    sizes = [parameters[head] for head in one.heads if head in parameters]
    return {
        "name": one.name,
        "kind": one.kind,
        "parameters": sum(sizes) if sizes else None,
        "seconds": round(sum(seconds[head] for head in one.heads), 2),
        "patterns": {},
    }


def _worse_than(losses: Floats, best: Floats, seed: int) -> bool:
    """Whether the mean loss [n] is above that of the best in 97.5 % of paired bootstrap draws."""
    _, low, _ = paired_difference(losses - best, tail=0.025, seed=seed)
    return low > 0
