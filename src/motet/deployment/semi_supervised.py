"""Learning from rows without a label is compared with leaving them out: which of the two ships, and the row of the
other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from motet.data import Labels, Schema, Split, Table
from motet.deployment.fitting import Fitted, fit_heads
from motet.deployment.options import Options
from motet.evaluation import paired_difference

TAUGHT, ALONE = "semi-supervised", "supervised"
SURE = 0.05  # chance that a loss which is none is taken for one


@dataclass(frozen=True)
class Beside:
    """What does not ship, what it is called, and what is told of the two."""

    other: Fitted
    name: str
    told: dict[str, Any]


def fit_beside(
    table: Table, schema: Schema, found: Labels, split: Split, options: Options
) -> tuple[Fitted, Beside]:
    """Fit with the rows without a label, and once more without them; what ships, and the other."""
    limit = None if options.time_limit is None else options.time_limit / 2  # of each of the two
    taught = fit_heads(table, schema, found, split, replace(options, time_limit=limit))
    taught.prepared = taught.prepared.without_features()  # before those of the other are in memory
    alone = replace(options, time_limit=limit, semi_supervised=False)
    return choose(taught, fit_heads(table, schema, found, split, alone), found.classes, seed=options.seed)


def choose(taught: Fitted, alone: Fitted, classes: Sequence[str], *, seed: int) -> tuple[Fitted, Beside]:
    """What ships of the model that learned from rows without a label too and of the one that did not, and the other.

    The first, unless no row was believed, or for some pattern a paired bootstrap on the loss of the same held-out rows
    finds it worse.
    """
    guesses = taught.guesses
    assert guesses is not None
    held, worse = {}, []
    for pattern, losses in taught.selection.held_losses.items():
        others = alone.selection.held_losses.get(pattern)
        if others is None or len(others) != len(losses):
            continue
        gain, low, high = paired_difference(others - losses, tail=SURE, seed=seed)
        held[pattern] = {"n": len(losses), "gain": gain, "low": low, "high": high}
        worse += [pattern] if high < 0 else []
    count = np.bincount(guesses.classes, minlength=len(classes))
    helped = bool(count.any()) and not worse
    told = {
        "ships": TAUGHT if helped else ALONE,
        "unlabelled": len(taught.prepared.views.unlabelled),
        "believed": dict(zip(classes, count.tolist(), strict=True)),
        "thresholds": dict(zip(classes, guesses.thresholds.tolist(), strict=True)),
        "held_out": held,
    }
    said = f"{count.sum():,} of {told['unlabelled']:,} rows without a label were sure enough to learn from"
    if worse:
        said += f", and are not: held-out rows are answered worse with them ({', '.join(worse)})"
    ships, other = (taught, alone) if helped else (alone, taught)
    ships.prepared.notes.append(said)
    ships.record["semi_supervised"] = told
    return ships, Beside(other, ALONE if helped else TAUGHT, told)


def add_row(evaluation: dict[str, Any], beside: Beside, measured: Mapping[str, Any]) -> None:
    """Put what does not ship among the baselines, for each pattern, and what is told of the two beside them."""
    evaluation["semi_supervised"] = {**beside.told, beside.name: {}}
    if "overall" not in measured:
        return
    evaluation["semi_supervised"][beside.name] = {
        "overall": measured["overall"],
        "patterns": measured["patterns"],
    }
    for pattern, score in measured["patterns"].items():
        if pattern != "none":
            evaluation["baselines"][f"{beside.name}:{pattern}"] = {"pattern": pattern, **score}
