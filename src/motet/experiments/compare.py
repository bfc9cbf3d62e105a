"""A leaderboard: every baseline, fusion strategy and combiner on the same folds, for every pattern."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import Schema, Table, all_patterns, labels, make_split
from motet.deployment import Options
from motet.deployment.held_logits import HeldLogits
from motet.deployment.prepared import Prepared, prepare_rows
from motet.errors import TableError
from motet.evaluation import classification_metrics, paired_difference, row_log_loss
from motet.experiments.boosting import fit_boosting
from motet.fusion import FUSIONS, strategy_of
from motet.model import HeadEntry, Member
from motet.selection import Selection, crossed_answers, halves_of, select
from motet.selection.candidates import ways
from motet.selection.way import Way
from motet.tasks import FusedClassifier
from motet.training import Balance, Probe

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
BOOSTING = "tabular:gradient boosting"


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

    Returns {"n", "folds", "modalities", "rows": [{"name", "kind", "parameters", "seconds", "patterns": {pattern: {"n",
    "metrics", "tied"}}}], "chosen": {pattern: name}, "notes", "seconds"}; rows from the lowest log-loss of the fullest
    pattern. Seconds of a row are those of one processor. `tied` is True where a paired bootstrap on log-loss cannot
    tell a row from the best of its pattern.

    Raises TableError where no row can be held out.
    """
    begun = time.perf_counter()
    found = labels(table, schema)
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
    rows = _leaderboard(heads, selection, patterns, prepared, options.seed)
    return {
        "schema_version": 1,
        "task": "classify",
        "n": len(heads.truth),
        "folds": len(prepared.folds),
        "modalities": list(schema.modalities),
        "rows": rows,
        "chosen": {pattern: entry.chosen for pattern, entry in selection.patterns.items()},
        "notes": prepared.notes,
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
            if modality == "tabular":
                begun = time.process_time()
                folds = self.prepared.folds_of(modality)
                held = fit_boosting(folds, name, self.prepared.target.outputs, self.fused.settings.seed)
                # No head that `train` could choose: it is shown beside them.
                self.boosted = np.concatenate(held)
                self.seconds[BOOSTING] = time.process_time() - begun

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


def _leaderboard(
    heads: _Heads, selection: Selection, patterns: Sequence[str], prepared: Prepared, seed: int
) -> list[dict[str, Any]]:
    halves = halves_of(len(heads.truth), seed)
    rows: dict[str, dict[str, Any]] = {}
    for pattern in reversed(patterns):
        shown = frozenset(pattern.split("+")) - {"none"}
        have = np.flatnonzero(np.logical_and.reduce([heads.present[m] for m in shown] or [heads.truth >= 0]))
        if len(have) == 0:
            continue
        truth = heads.truth[have]
        losses: dict[str, Floats] = {}
        answers: list[tuple[str, str, tuple[str, ...], Floats]] = [
            ("majority", "baseline", (), np.log(np.tile(np.maximum(prepared.prior, 1e-12), (len(have), 1))))
        ]
        for way in (
            ways(heads.entries, heads.modality_of, shown, selection.experts, prepared.target) if shown else ()
        ):
            logits = {name: heads.logits(name, shown, have) for name in way.heads}
            answers.append(
                (
                    way.name,
                    way.kind,
                    way.heads,
                    crossed_answers(way, logits, truth, halves[have], prepared.target),
                )
            )
        if heads.boosted is not None and "tabular" in shown:
            way = Way(
                BOOSTING, "baseline", "product", (BOOSTING,), lambda logits, labels: (Member(BOOSTING),)
            )
            logs = crossed_answers(way, {BOOSTING: heads.boosted[have]}, truth, halves[have], prepared.target)
            answers.append((way.name, way.kind, way.heads, logs))
        for name, kind, read, logs in answers:
            losses[name] = row_log_loss(logs, truth)
            metrics = classification_metrics(np.exp(logs), truth, seed=seed)
            row = rows.setdefault(name, _row(name, kind, read, heads))
            row["patterns"][pattern] = {"n": len(have), "metrics": metrics}
        best = min(losses, key=lambda name: float(losses[name].mean()))
        for name, loss in losses.items():
            rows[name]["patterns"][pattern]["tied"] = name == best or not _worse_than(
                loss, losses[best], seed
            )
    fullest = patterns[0]

    def rank(row: Mapping[str, Any]) -> float:
        measured = row["patterns"].get(fullest)
        return float(measured["metrics"]["log_loss"]["value"]) if measured else float("inf")

    return sorted(rows.values(), key=rank)


def _row(name: str, kind: str, read: tuple[str, ...], heads: _Heads) -> dict[str, Any]:
    """What a way costs: the heads that it may read, together."""
    sizes = [heads.parameters[head] for head in read if head in heads.parameters]
    return {
        "name": name,
        "kind": kind,
        "parameters": sum(sizes) if sizes else None,
        "seconds": round(sum(heads.seconds[head] for head in read), 2),
        "patterns": {},
    }


def _worse_than(losses: Floats, best: Floats, seed: int) -> bool:
    """Whether the mean loss [n] is above that of the best in 97.5 % of paired bootstrap draws."""
    _, low, _ = paired_difference(losses - best, tail=0.025, seed=seed)
    return low > 0
