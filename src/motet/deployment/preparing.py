"""From a table to rows that heads are fitted on: cells encoded once, rows parted into folds, target and weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import Labels, Schema, Split, Table, cells, row_weights, unlabelled_rows
from motet.data.decimal_marks import reading_notes
from motet.data.missingness import input_presence, telling_absence
from motet.data.splits import row_units
from motet.deployment.cell_issues import issues_of, mended_note, refuse_unseen
from motet.deployment.cross_fitting import cross_fit, parts_to_hold, sample
from motet.deployment.options import Options
from motet.deployment.pooling import ATTENTION
from motet.deployment.prepared import Prepared
from motet.deployment.sources import open_sources
from motet.deployment.views import add_views, tell_cost
from motet.encoders import FROM_SCRATCH, ArrayRows, FeatureCache, FeatureTable, SparseRows, is_small
from motet.encoders.pretrained import PretrainedEncoder
from motet.errors import TableError, UsageError
from motet.fusion import Source
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import ClassTarget, Target
from motet.tasks import objective_of
from motet.training import Fold

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
IN_MEMORY = 2**26  # numbers of a source, 256 MB as float32: as many are read into memory once


def prepare_rows(
    table: Table, schema: Schema, found: Labels, split: Split, options: Options, *, folds: int | None = None
) -> Prepared:
    """Encode the training and validation rows, and part them.

    folds : how many (default three, or one fifth held out where there are over 20,000 rows). Where an encoder learned
    from labels of the training rows (`small`), and without `options.refit`, only validation rows are held out, and
    heads are fitted on the others.

    Raises TableError where no row to fit on has a modality, and where there are no validation rows without a refit.
    """
    by_modality = cells(table, schema)
    options.training.balance.check(tuple(by_modality))
    cache = FeatureCache() if options.cache else None
    notes = [*table.notes, *split.notes, *reading_notes(table, schema.numbers)]
    unlabelled, near = split.train[:0], split.train[:0]
    if options.semi_supervised:
        unlabelled, near = unlabelled_rows(table, schema, found, split)
        if not len(unlabelled):
            raise TableError(
                f"{table.name}: every row that may train has a label in column {schema.label!r}, so there is "
                "nothing to learn from without one: leave --semi-supervised (in Python semi_supervised=) out"
            )
    split, every, weighing = _counting(table, schema, split, unlabelled, notes)
    rows = every[: len(split.train) + len(split.validation)]
    truth, classes = found.values[every], len(found.classes)  # of strata, where no class is learned
    learned = np.unique(found.values[rows])
    if found.kind == "class" and len(learned) < 2:
        raise TableError(
            f"{table.name}: all rows but test rows are of one class, {found.classes[learned[0]]!r}: "
            "at least two are needed"
        )
    supervised = any(is_small(name) for modality in by_modality for name in options.encoders_of(modality))
    if supervised and options.semi_supervised:
        raise UsageError(
            f"--semi-supervised (in Python semi_supervised=) with an encoder {FROM_SCRATCH!r}, which learns from "
            "labels alone: name a pretrained one, or learn one from all rows first (motet pretrain)"
        )
    if supervised and found.kind != "class":
        raise UsageError(
            f"an encoder {FROM_SCRATCH!r} learns classes, not {options.target}: name another encoder"
        )
    if not (options.refit or len(split.validation)):
        raise TableError(
            f"{table.name}: without a refit validation rows choose and calibrate, and there are none: give --val-size "
            "(in Python validation_size=), or leave --no-refit (refit=False) out"
        )
    apart = supervised or not options.refit  # validation rows are fitted on by nothing
    fit = np.arange(len(split.train) if apart else len(rows))
    for modality, column in by_modality.items():
        refuse_unseen(modality, column.present[rows[fit]], column.issues, schema)
    balance = _class_weights(truth[fit], classes) if options.classes_alike else None
    weights = balance if options.balanced else None
    opened = open_sources(by_modality, found.values, classes, split.train, split.validation, options, weights)
    views = add_views(by_modality, every, fit, options.augment, options.seed, notes, labelled=len(rows))
    for encoder in opened.encoders.values():
        if isinstance(encoder, PretrainedEncoder):
            encoder.open_early(cache)  # loading a network takes seconds in which others can already encode
    for encoder in opened.encoders.values():
        views.learn(encoder, fit)
    tell_cost(views, opened.encoders, cache)
    fuses = len(by_modality) > 1 and bool(options.fusions)
    tables: dict[str, FeatureTable] = {}
    for name, encoder in opened.encoders.items():
        reads = fuses and (options.tokens or options.pooling_of(encoder.modality) == ATTENTION)
        tables[name] = _at_hand(views.features(encoder, cache=cache, tokens=reads))
        refuse_unseen(encoder.modality, tables[name].present[fit], tables[name].issues, schema)
    few = sample(fit, truth, options.seed)
    if apart:
        held = sample(np.arange(len(split.train), len(rows)), truth, options.seed)
        some = np.concatenate([few, held])
        parts = [np.arange(len(few), len(some))] if len(held) else []
    else:
        units = row_units(table, schema, rows, []) if split.units is None else split.units[rows]
        some, parts = few, parts_to_hold(few, units, truth, options.seed, folds=folds)
    if len(few) < len(fit):
        notes.append(
            f"choices are made, and linear heads fitted, on a seeded, stratified sample of {len(few):,} rows"
        )
    if supervised and not parts:
        notes.append(
            f"no validation rows: an encoder {FROM_SCRATCH!r} learned from the training rows, so nothing could choose "
            "between candidates or calibrate them; give --val-size (in Python validation_size=)"
        )
    text = {name for name in tables if opened.encoders[name].modality == "text"}
    if not options.lexical and text <= {"text:lexical"}:
        notes.append(
            "--no-lexical (in Python lexical=False) does nothing without a neural text encoder: "
            + ("text:lexical is what reads the words" if text else "no words are read")
        )
    given = any(made.tokens is not None for made in tables.values())
    asked = options.tokens or any(options.pooling_of(modality) == ATTENTION for modality in by_modality)
    if asked and not given:
        why = (
            "no encoder here makes them, pretrained ones and `small` do"
            if fuses
            else "no fused head is trained"
        )
        notes.append(f"tokens are not read: {why}")
    have = {modality: column.present[rows] for modality, column in by_modality.items()}
    for name, made in tables.items():
        have[opened.encoders[name].modality] &= made.present[: len(rows)]
    issues = issues_of(table, by_modality, tables, every)
    broken = [issue for issue in issues if issue.broken]
    notes += mended_note([issue for issue in issues if not issue.broken], schema)
    there = input_presence(table, schema, rows, have, broken)
    notes += telling_absence(there, found, rows, seed=options.seed)
    wanted = found.truth[every]
    target, prior = _target(found, wanted[fit], balance)
    if balance is not None:
        notes.append("every class counts alike where held-out rows choose and calibrate, as in the loss")
    counted = weighing
    if weights is not None:
        by_class = np.where(truth < 0, 1, weights[truth]).astype(np.float32)
        counted = by_class if weighing is None else by_class * weighing
    if supervised and schema.weight is not None:
        notes.append(
            f"weights do not reach an encoder {FROM_SCRATCH!r}: it learns from every training row alike"
        )
    # A view has the truth and the weight of its row.
    wanted, counted = wanted[views.origin], None if counted is None else counted[views.origin]
    taken = views.with_all(some)
    parted = [
        replace(fold, labels=wanted[taken], weights=None if counted is None else counted[taken])
        for fold in cross_fit(some, parts, views, truth[views.origin], opened.encoders, tables)
    ]
    whole = Fold(tables, wanted, fit, weights=counted)
    share = None
    if options.imbalance == "logit-adjustment":  # what heads would learn as the prior
        share = np.bincount(wanted[fit], whole.weights_of(fit), minlength=classes)
    return Prepared(
        opened,
        [Source(name, opened.encoders[name].modality, made.width) for name, made in tables.items()],
        views,
        whole,
        few,
        taken,
        near[every] if len(near) else None,
        parted,
        target,
        objective_of(target, None if share is None else share / share.sum()),
        prior,
        split,
        np.concatenate([rows[some][fold.held] for fold in parted] or [rows[:0]]),
        broken,
        notes,
        options.tokens and given,
    )


def _counting(
    table: Table, schema: Schema, split: Split, unlabelled: Rows, notes: list[str]
) -> tuple[Split, Rows, npt.NDArray[np.float32] | None]:
    """The split without rows of weight 0, its training and validation rows and the unlabelled ones [n], and the weights
    [n] of these, 1 on average over those with a label."""
    every = np.concatenate([split.train, split.validation, unlabelled])
    weighing = row_weights(table, schema, every)
    if weighing is None:
        return split, every, None
    if not weighing.all():
        without = int((weighing == 0).sum())
        notes.append(
            "1 row of weight 0 is left out" if without == 1 else f"{without:,} rows of weight 0 are left out"
        )
        kept = np.split(weighing > 0, [len(split.train), len(split.train) + len(split.validation)])
        split = replace(split, train=split.train[kept[0]], validation=split.validation[kept[1]])
        every, weighing = every[weighing > 0], weighing[weighing > 0]
    return split, every, weighing / weighing[: len(split.train) + len(split.validation)].mean()


def _target(found: Labels, fitted: npt.NDArray[Any], balance: Floats | None) -> tuple[Target, Floats]:
    """The target, and the answer to rows that have nothing, from what is true of the rows that are fitted on."""
    if found.kind == "number":
        mean, deviation = float(fitted.mean()), float(fitted.std())
        return NumberTarget(mean, deviation or 1.0), np.array([mean])
    if found.kind == "labels":
        return LabelsTarget(found.classes), fitted.mean(axis=0, dtype=np.float64)
    return ClassTarget(found.classes, balance), np.bincount(fitted, minlength=len(found.classes)) / len(
        fitted
    )


def _at_hand(table: FeatureTable) -> FeatureTable:
    """The same features as float32 in memory where they take up to 256 MB, to be read many times."""
    if isinstance(table.rows, SparseRows) or len(table) * table.width > IN_MEMORY:
        return table
    return replace(table, rows=ArrayRows(table.rows.dense(np.arange(len(table)))))


def _class_weights(truth: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """n / (C * n_c), scikit-learn's `balanced`."""
    counts = np.bincount(truth, minlength=classes)
    return (len(truth) / (classes * np.maximum(counts, 1))).astype(np.float32)
