"""A leaderboard: every baseline, fusion strategy and combiner on the same folds, for every pattern."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import Schema, Table, all_patterns, make_split, read_target
from motet.data.targets import label_notes
from motet.deployment import Options
from motet.deployment.held_logits import HeldLogits
from motet.deployment.prepared import Prepared
from motet.deployment.preparing import prepare_rows
from motet.errors import TableError
from motet.experiments.boosting import BOOSTING, MOST_LABELS, fit_boosting
from motet.experiments.leaderboard import Held, leaderboard
from motet.fusion import FUSIONS, strategy_of
from motet.model import HeadEntry
from motet.selection import select
from motet.tasks import FusedClassifier
from motet.training import Balance, Probe

Floats = npt.NDArray[np.floating]


def compare(
    table: Table,
    schema: Schema,
    options: Options,
    *,
    strategies: Sequence[str] = tuple(FUSIONS),
    folds: int = 5,
    fast: bool = False,
) -> dict[str, Any]:
    """Answer each training and validation row by heads that never saw it, and measure every way to answer.

    Test rows are left alone: this is for choosing. Each way is calibrated on one half of the answers and measured on
    the other, as selection does. fast : leave out strategies that read tokens. With `options.tokens` each of those is
    compared twice: on pooled features, and on tokens under the name `<strategy>-tokens`, its seconds apart. Where
    `options.training` says a balance of the modalities that is not the usual, each strategy is trained with either.

    Returns {"target", "loss", "score": names of what is ranked by, and of what is shown for each pattern, "n", "folds",
    "modalities", "rows": [{"name", "kind", "parameters", "seconds", "patterns": {pattern: {"n", "loss", "metrics",
    "tied"}}}], "chosen": {pattern: name}, "notes", "seconds"}; rows from the lowest loss of the fullest pattern.
    Metrics are those of `options.target`. Seconds of a row are those of one processor. `tied` is True where a paired
    bootstrap on the loss cannot tell a row from the best of its pattern.

    Raises TableError where the label column cannot be learned from or no row can be held out.
    """
    begun = time.perf_counter()
    found = read_target(table, schema, options.target)
    split = make_split(
        table,
        schema,
        found,
        test_size=options.test_size,
        validation_size=options.validation_size,
        seed=options.seed,
    )
    options = replace(options, tokens=options.tokens and not fast)
    prepared = prepare_rows(table, schema, found, split, options, folds=folds)
    if not prepared.folds:
        raise TableError(
            f"{table.name}: no row can be held out to compare on: rows of one group or with the same inputs stay "
            "together, and where an encoder is `small` only validation rows can be held out"
        )
    encoded = time.perf_counter() - begun
    several = len({source.modality for source in prepared.sources}) > 1
    named = [name for name in strategies if several and not (fast and FUSIONS[name].reads_tokens)]
    named = list(dict.fromkeys([*named, *map(prepared.head_name, named)]))
    heads = _Heads(prepared, options)
    heads.add_probes()
    heads.add_fusions(named)
    patterns = all_patterns(schema.modalities)
    selection = select(
        heads.entries,
        heads.modality_of,
        schema.modalities,
        heads.logits,
        heads.present,
        heads.truth,
        prepared.prior,
        target=prepared.target,
        seed=options.seed,
    )
    target = prepared.target
    held = Held(
        target,
        heads.entries,
        heads.modality_of,
        heads.logits,
        heads.boosted,
        heads.present,
        heads.truth,
        prepared.prior,
    )
    return {
        "schema_version": 1,
        "task": target.task,
        "target": target.kind,
        "loss": target.loss,
        "score": target.score,
        "n": len(heads.truth),
        "folds": len(prepared.folds),
        "modalities": list(schema.modalities),
        "rows": leaderboard(held, selection, patterns, heads.seconds, heads.parameters, options.seed),
        "chosen": {pattern: entry.chosen for pattern, entry in selection.patterns.items()},
        "notes": [*label_notes(found, str(schema.label)), *prepared.notes],
        "seed": options.seed,
        "seconds": {"encode": round(encoded, 3), "total": round(time.perf_counter() - begun, 3)},
    }


class _Heads:
    """Heads by name with their answers to held rows, what they cost, and how large they are."""

    def __init__(self, prepared: Prepared, options: Options) -> None:
        self.prepared = prepared
        self.fused = prepared.fused(replace(options, training=replace(options.training, balance=Balance())))
        self.balance = options.training.balance
        self.modality_of = {source.name: source.modality for source in prepared.sources}
        self.entries: dict[str, HeadEntry] = {}
        self.seconds: dict[str, float] = {}
        self.parameters: dict[str, int] = {}
        self.truth = prepared.held_labels()
        self.present = {m: prepared.held_presence(m) for m in dict.fromkeys(self.modality_of.values())}
        self.boosted: Floats | None = None
        self._probes: dict[str, Probe] = {}
        self.logits = HeldLogits(prepared, self._probes, self.fused)

    def add_probes(self) -> None:
        for name, probe in self.prepared.probes().items():
            modality = self.modality_of[name]
            self.entries[name] = HeadEntry("", (name,), "unimodal")
            self.seconds[name] = probe.seconds
            self.parameters[name] = probe.module.linear.weight.numel() + self.prepared.target.outputs
            self._probes[name] = probe
            if modality == "tabular" and self._can_boost():
                begun = time.process_time()
                folds = self.prepared.folds_of(modality)
                held = fit_boosting(folds, name, self.prepared.target, self.fused.settings.seed)
                # No head that `train` could choose: it is shown beside them.
                self.boosted = np.concatenate(held)
                self.seconds[BOOSTING] = time.process_time() - begun

    def _can_boost(self) -> bool:
        target = self.prepared.target
        if target.kind != "labels" or target.outputs <= MOST_LABELS:
            return True
        self.prepared.notes.append(
            f"no gradient boosting: it takes a model for each of {target.outputs:,} labels, at most {MOST_LABELS}"
        )
        return False

    def add_fusions(self, names: Sequence[str]) -> None:
        self.fused.cross_train(names)
        shown = {name: name for name in names}
        if self.balance != Balance():
            balanced = self.fused.with_settings(replace(self.fused.settings, balance=self.balance))
            balanced.cross_train(names)
            for name in names:
                shown[f"{name}, balanced"] = name
                self.fused.trained[f"{name}, balanced"] = balanced.trained[name]
                self.fused.seconds[f"{name}, balanced"] = balanced.seconds[name]
        for name, fusion in shown.items():
            one = FusedClassifier(
                strategy_of(fusion)[0](self.fused.sources_of(fusion)), self.prepared.target.outputs
            )
            self.entries[name] = HeadEntry("", tuple(source.name for source in self.prepared.sources), fusion)
            self.seconds[name] = self.fused.seconds[name]
            self.parameters[name] = (
                sum(parameter.numel() for parameter in one.parameters()) * self.fused.settings.members
            )
