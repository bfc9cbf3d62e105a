"""From cells to chosen heads: encode once, answer every row out of fold, choose for each pattern, fit on all rows."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Cells, Labels, Schema, Split, Table, cells, make_folds
from motet.deployment.options import Options
from motet.deployment.sources import Sources, open_sources
from motet.encoders import FROM_SCRATCH, ArrayRows, Encoder, FeatureCache, FeatureTable, SparseRows
from motet.errors import EncoderError, TableError
from motet.fusion import FUSIONS, Source
from motet.model import HeadEntry, file_name
from motet.selection import Selection, select
from motet.tasks import ClassifierEnsemble, FusedClassifier
from motet.training import (
    Epoch,
    Fold,
    Probe,
    Trained,
    fit_probe,
    multiply_out,
    predict_logits,
    to_latent,
    train_heads,
)

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
SELECTION_ROWS = 100_000  # above this, probes and selection use a seeded, stratified sample
CROSSED_ROWS = 20_000  # above this, one part of FEW_FOLDS is held out instead of each of FOLDS in turn
FOLDS, FEW_FOLDS = 3, 5


@dataclass
class Fitted:
    """What training hands to writing: encoders, heads by name, the choice, and the record of how."""

    sources: Sources
    heads: dict[str, HeadEntry]
    modules: dict[str, Any]  # by head: only those that ship
    selection: Selection
    rows: Rows  # that the heads were fitted on
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
    supervised = FROM_SCRATCH in (*options.image_encoders, *options.text_encoders)
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
    folds = _folds(
        table, schema, by_modality, opened.encoders, tables, rows, truth, split, supervised, options
    )
    if folds and len(folds[0].labels) < len(rows):
        notes.append(f"choices are made on a seeded, stratified sample of {len(folds[0].labels):,} rows")
    clock.lap("encode")

    sources = [Source(name, opened.encoders[name].modality, table.width) for name, table in tables.items()]
    whole = Fold(tables, truth, fit)
    few = replace(whole, fit=_sample(fit, truth, SELECTION_ROWS, options.seed))
    probes = {s.name: fit_probe(s, few, folds, classes, class_weights=weights) for s in sources}
    heads = {name: HeadEntry(f"heads/{file_name(name)}.onnx", (name,), "unimodal") for name in probes}
    modules: dict[str, Any] = {name: probe.module for name, probe in probes.items()}
    clock.lap("probes")

    several = len({source.modality for source in sources}) > 1
    fused = _Fused(sources, folds, whole, classes, weights, options)
    for fusion in options.fusions if several else ():
        fused.train(fusion)
        heads[fusion] = HeadEntry(f"heads/{fusion}.onnx", tuple(tables), fusion)
    clock.lap("fusions")

    selection = _select(schema, sources, folds, probes, fused, heads, options)
    clock.lap("select")
    chosen = {member.head for entry in selection.patterns.values() for member in entry.members}
    for fusion in sorted(chosen & set(fused.crossed)):
        modules[fusion] = fused.fit_whole(fusion)
    clock.lap("refit")
    return Fitted(
        opened,
        {name: heads[name] for name in modules},
        modules,
        selection,
        rows[fit],
        probes,
        opened.history | {name: trained.history for name, trained in fused.crossed.items()},
        {
            "rows": len(fit),
            "held_out": [len(fold.held) for fold in folds],
            "epochs": {name: trained.best_epoch for name, trained in fused.crossed.items()},
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


class _Fused:
    """Fused heads: trained out of fold to be compared, and the chosen ones once more on all rows."""

    def __init__(
        self,
        sources: Sequence[Source],
        folds: Sequence[Fold],
        whole: Fold,
        classes: int,
        class_weights: npt.NDArray[np.float32] | None,
        options: Options,
    ) -> None:
        self.sources, self.folds, self.whole, self.classes = sources, folds, whole, classes
        self.class_weights, self.settings = class_weights, replace(options.training, seed=options.seed)
        self.crossed: dict[str, Trained] = {}
        self._latent: list[Fold] | None = None

    def train(self, fusion: str) -> None:
        """Train one ensemble for each fold; without folds nothing is trained before `fit_whole`."""
        if self._latent is None:
            self._latent = [self._reduced(fold)[0] for fold in self.folds]
        self.crossed[fusion] = (
            self._train(fusion, self._latent, None) if self._latent else Trained([], self.settings.epochs)
        )

    def held_logits(self, fusion: str, shown: frozenset[str]) -> list[Floats]:
        """Logits [n, C] of the held rows of each fold with only the modalities of `shown`."""
        return [
            predict_logits(head, fold.tables, fold.held, shown=shown)
            for head, fold in zip(self.crossed[fusion].heads, self._latent or (), strict=True)
        ]

    def fit_whole(self, fusion: str) -> ClassifierEnsemble:
        """The strategy trained on all rows for as many epochs as the folds found best."""
        whole, bases = self._reduced(self.whole)
        (head,) = self._train(fusion, [whole], self.crossed[fusion].best_epoch).heads
        for member in head.members:
            multiply_out(member.fusion, bases)
        return ClassifierEnsemble(head.members)

    def _reduced(self, fold: Fold) -> tuple[Fold, Mapping[str, npt.NDArray[np.float32]]]:
        latent = to_latent(fold.tables, fold.fit, seed=self.settings.seed)
        return replace(fold, tables=latent.tables), latent.bases

    def _train(self, fusion: str, folds: Sequence[Fold], stop_after: int | None) -> Trained:
        return train_heads(
            lambda sources: FusedClassifier(FUSIONS[fusion](sources), self.classes),
            self.sources,
            folds,
            self.settings,
            stop_after=stop_after,
            class_weights=self.class_weights,
            description=fusion if stop_after is None else f"{fusion} on all rows",
        )


def _folds(
    table: Table,
    schema: Schema,
    by_modality: Mapping[str, Cells],
    encoders: Mapping[str, Encoder],
    whole: Mapping[str, FeatureTable],
    rows: Rows,
    truth: Rows,
    split: Split,
    supervised: bool,
    options: Options,
) -> list[Fold]:
    """Folds of the rows, or of a sample of them, with encoders that learn refitted in each; none where impossible.

    rows [n] : of the table, training rows first. whole : their features. truth [n] : their classes.
    supervised : an encoder has seen the labels of the training rows, so that only validation rows can be held out.
    """
    everything = np.arange(len(rows))
    if supervised:
        train, validation = everything[: len(split.train)], everything[len(split.train) :]
        train = _sample(train, truth, SELECTION_ROWS, options.seed)
        validation = _sample(validation, truth, SELECTION_ROWS, options.seed)
        some = np.concatenate([train, validation])
        parts = [np.arange(len(train), len(some))] if len(validation) else []
    else:
        some = _sample(everything, truth, SELECTION_ROWS, options.seed)
        count = FOLDS if len(some) <= CROSSED_ROWS else FEW_FOLDS
        fold = make_folds(table, schema, rows[some], truth[some], count=count, seed=options.seed)
        parts = [np.flatnonzero(fold == number) for number in range(fold.max() + 1)]
        parts = [] if len(parts) < 2 else parts if count == FOLDS else parts[:1]
    shared = {
        name: whole[name].part(some) if len(some) < len(rows) else whole[name]
        for name, encoder in encoders.items()
        if not encoder.learns
    }
    folds = []
    for held in parts:
        fit = np.setdiff1d(np.arange(len(some)), held)
        tables = {
            name: shared[name]
            if name in shared
            else _refitted(encoder, by_modality[encoder.modality], rows[some], fit)
            for name, encoder in encoders.items()
        }
        folds.append(Fold(tables, truth[some], fit, held))
    return folds


def _at_hand(table: FeatureTable) -> FeatureTable:
    """The same features as float32 in memory where they take up to 256 MB, to be read many times."""
    if isinstance(table.rows, SparseRows) or len(table) * table.width > 2**26:
        return table
    return FeatureTable(ArrayRows(table.rows.dense(np.arange(len(table)))), table.present, table.issues)


def _refitted(encoder: Encoder, column: Cells, rows: Rows, fit: Rows) -> FeatureTable:
    """Features of `rows` by a copy of the encoder that learned from rows[fit] alone; absent where it cannot learn."""
    fresh = copy.copy(encoder)
    try:
        fresh.fit(column, rows[fit])
    except EncoderError:
        return FeatureTable(ArrayRows(np.zeros((len(rows), 1), np.float32)), np.zeros(len(rows), bool))
    return fresh.encode(column, rows)


def _select(
    schema: Schema,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    probes: Mapping[str, Probe],
    fused: _Fused,
    heads: Mapping[str, HeadEntry],
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
            known[key] = np.concatenate(held)
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
    return select(heads, modality_of, schema.modalities, logits_of, have, truth, forced=options.forced)


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


def _sample(rows: Rows, truth: npt.NDArray[np.int64], most: int, seed: int) -> Rows:
    """All rows, or a seeded sample of about `most` of them with each class in its share (at least one row)."""
    if len(rows) <= most:
        return rows
    shuffled = np.random.default_rng(seed).permutation(rows)
    ordered = shuffled[np.argsort(truth[shuffled], kind="stable")]
    counts = np.bincount(truth[ordered])
    place = np.concatenate([np.arange(count) for count in counts])  # place of each row within its class
    keep = place < np.repeat(np.ceil(counts * most / len(rows)), counts)
    return np.sort(ordered[keep])
