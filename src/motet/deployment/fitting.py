"""From cells to chosen heads: encode once, answer every row out of fold, choose for each pattern, fit on all rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Cells, Labels, Schema, Split, Table, cells
from motet.data.splits import row_units
from motet.deployment.cross_fitting import cross_fit, parts_to_hold, sample
from motet.deployment.fused import FusedHeads
from motet.deployment.options import Options
from motet.deployment.sources import Sources, open_sources
from motet.encoders import FROM_SCRATCH, ArrayRows, FeatureCache, FeatureTable, SparseRows
from motet.errors import TableError
from motet.fusion import Source
from motet.model import HeadEntry, file_name
from motet.selection import Selection, select
from motet.training import Epoch, Fold, Probe, fit_probe

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
IN_MEMORY = 2**26  # numbers of a source, 256 MB as float32: as many are read into memory once


@dataclass
class Fitted:
    """What training hands to writing: encoders, heads by name, the choice, and the record of how."""

    sources: Sources
    heads: dict[str, HeadEntry]
    modules: dict[str, Any]  # by head: only those that ship
    selection: Selection
    prior: Floats  # share of each class among the rows that the heads were fitted on [C]
    probes: dict[str, Probe]
    history: dict[str, list[Epoch]]
    record: dict[str, Any]  # how the choice was made, for motet.json
    broken: list[CellIssue]
    notes: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def fit_heads(table: Table, schema: Schema, found: Labels, split: Split, options: Options) -> Fitted:
    """Fit encoders and heads on the training and validation rows, and choose for each pattern.

    Every candidate answers rows that it was not fitted on: those of one of three folds in turn, or of one fifth where
    there are over 20,000. These answers choose, and give temperatures. Then the probes and the chosen fused heads are
    fitted on all rows. Where an encoder learned from labels of the training rows (`small`), only the validation rows
    can choose, and no head is fitted on them.

    Raises TableError where no row to fit on has a modality.
    """
    clock = _Clock()
    by_modality = cells(table, schema)
    cache = FeatureCache() if options.cache else None
    notes = [*table.notes, *split.notes]
    rows = np.concatenate([split.train, split.validation])
    truth, classes = found.values[rows], len(found.classes)
    supervised = any(FROM_SCRATCH in options.encoders_of(modality) for modality in by_modality)
    fit = np.arange(len(split.train) if supervised else len(rows))
    for modality, column in by_modality.items():
        _refuse_unseen(modality, column.present[rows[fit]], column.issues, schema)
    weights = _class_weights(truth[fit], classes) if options.class_weights else None
    opened = open_sources(by_modality, found.values, classes, split.train, split.validation, options, weights)
    tables: dict[str, FeatureTable] = {}
    for name, encoder in opened.encoders.items():
        encoder.fit(by_modality[encoder.modality], rows[fit])
        tables[name] = _at_hand(encoder.encode(by_modality[encoder.modality], rows, cache=cache))
        _refuse_unseen(encoder.modality, tables[name].present[fit], tables[name].issues, schema)
    broken = _broken(table, by_modality, tables, rows)
    few = sample(fit, truth, options.seed)
    if (
        supervised
    ):  # an encoder has seen the labels of the training rows: only validation rows can be held out
        held = sample(np.arange(len(split.train), len(rows)), truth, options.seed)
        some = np.concatenate([few, held])
        parts = [np.arange(len(few), len(some))] if len(held) else []
    else:
        units = row_units(table, schema, rows, []) if split.units is None else split.units[rows]
        some, parts = few, parts_to_hold(few, units, truth, options.seed)
    folds = cross_fit(some, parts, rows, truth, by_modality, opened.encoders, tables)
    if len(few) < len(fit):
        notes.append(
            f"choices are made, and linear heads fitted, on a seeded, stratified sample of {len(few):,} rows"
        )
    clock.lap("encode")

    sources = [Source(name, opened.encoders[name].modality, table.width) for name, table in tables.items()]
    whole = Fold(tables, truth, fit)
    probes = {
        s.name: fit_probe(s, replace(whole, fit=few), folds, classes, class_weights=weights) for s in sources
    }
    heads = {name: HeadEntry(f"heads/{file_name(name)}.onnx", (name,), "unimodal") for name in probes}
    modules: dict[str, Any] = {name: probe.module for name, probe in probes.items()}
    clock.lap("probes")

    settings = replace(options.training, seed=options.seed)
    fused = FusedHeads(sources, folds, whole, classes, weights, settings)
    several = len({source.modality for source in sources}) > 1
    for fusion in options.fusions if several else ():
        fused.cross_train(fusion)
        heads[fusion] = HeadEntry(f"heads/{fusion}.onnx", tuple(tables), fusion)
    clock.lap("fusions")

    prior = np.bincount(truth[fit], minlength=classes) / len(fit)
    selection = _select(schema, sources, folds, probes, fused, heads, prior, options)
    clock.lap("select")
    chosen = {member.head for entry in selection.patterns.values() for member in entry.members}
    for fusion in sorted(chosen - set(probes)):
        modules[fusion] = fused.fit_whole(fusion)
    clock.lap("refit")
    return Fitted(
        opened,
        {name: heads[name] for name in modules},
        modules,
        selection,
        prior,
        probes,
        opened.history | {name: trained.history for name, trained in fused.trained.items()},
        {
            "rows": len(fit),
            "probe_rows": len(few),
            "held_out": [len(fold.held) for fold in folds],
            "best_epochs": {name: trained.best_epoch for name, trained in fused.trained.items()},
            "epochs": fused.epochs,
        },
        broken,
        notes,
        clock.seconds,
    )


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._begun = round(now - self._begun, 3), now


def _at_hand(table: FeatureTable) -> FeatureTable:
    """The same features as float32 in memory where they take up to 256 MB, to be read many times."""
    if isinstance(table.rows, SparseRows) or len(table) * table.width > IN_MEMORY:
        return table
    return FeatureTable(ArrayRows(table.rows.dense(np.arange(len(table)))), table.present, table.issues)


def _select(
    schema: Schema,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    probes: Mapping[str, Probe],
    fused: FusedHeads,
    heads: Mapping[str, HeadEntry],
    prior: Floats,
    options: Options,
) -> Selection:
    """Choose on the held rows of the folds, one after the other."""
    modality_of = {source.name: source.modality for source in sources}
    known: dict[tuple[str, frozenset[str]], Floats] = {}

    def logits_of(head: str, shown: frozenset[str], wanted: Rows) -> Floats:
        read = frozenset(modality_of[source] for source in heads[head].sources)
        key = (head, shown & read)
        if key not in known:
            held = probes[head].held_logits if head in probes else fused.held_logits(head, shown & read)
            known[key] = np.concatenate(held) if held else np.zeros((0, fused.classes))
        return known[key][wanted]

    def present(source: Source) -> npt.NDArray[np.bool_]:
        return np.concatenate(
            [fold.tables[source.name].present[fold.held] for fold in folds] or [np.zeros(0, bool)]
        )

    truth = np.concatenate([fold.labels[fold.held] for fold in folds] or [np.zeros(0, np.int64)])
    have = {
        modality: np.logical_and.reduce([present(s) for s in sources if s.modality == modality])
        for modality in schema.modalities
    }
    return select(
        heads,
        modality_of,
        schema.modalities,
        logits_of,
        have,
        truth,
        prior,
        forced=options.forced,
        seed=options.seed,
    )


def _broken(
    table: Table, by_modality: Mapping[str, Cells], tables: Mapping[str, FeatureTable], rows: Rows
) -> list[CellIssue]:
    """Each broken cell of the rows once, in order."""
    issues = [*table.issues]
    issues += [issue for column in by_modality.values() for issue in column.issues]
    issues += [issue for made in tables.values() for issue in made.issues]
    known = set(rows.tolist())
    unique = {(issue.row, issue.column): issue for issue in issues if issue.broken and issue.row in known}
    return [unique[key] for key in sorted(unique)]


def _refuse_unseen(
    modality: str, present: npt.NDArray[np.bool_], issues: Sequence[CellIssue], schema: Schema
) -> None:
    """Raise TableError where no row to fit on has a modality; present [n] of these rows."""
    if not present.any():
        columns = ", ".join(schema.inputs(modality))
        first = f" ({issues[0].reason})" if issues else ""
        raise TableError(
            f"no training row has a usable {modality} (columns: {columns}){first}: "
            "mend the cells, or leave these columns out"
        )


def _class_weights(truth: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """n / (C * n_c), scikit-learn's `balanced`."""
    counts = np.bincount(truth, minlength=classes)
    return (len(truth) / (classes * np.maximum(counts, 1))).astype(np.float32)
