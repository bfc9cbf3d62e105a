"""From a table to a model directory: encode once, fit the heads, choose for each pattern, write, measure what ships."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from motet.data import Labels, Schema, Split, Table, column_slices, make_split, read_target
from motet.data.harm import harmful_findings
from motet.data.targets import label_notes
from motet.deployment.fitting import Fitted, fit_heads
from motet.deployment.heads import export_head
from motet.deployment.options import Options
from motet.deployment.results import add_broken, made_with, not_measured, write_results
from motet.deployment.semi_supervised import add_row, fit_beside
from motet.encoders import FeatureCache
from motet.errors import TableError
from motet.evaluation import label_errors
from motet.model import (
    Manifest,
    check_place,
    new_model_directory,
    table_digest,
    write_manifest,
)
from motet.runtime import Model, evaluate
from motet.runtime.shown_cells import shown_cells

SUSPECTS = 50  # rows with a suspect label that are shown


def build_model(
    table: Table,
    schema: Schema,
    place: Path,
    options: Options,
    *,
    split: Split | None = None,
    ceilings: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Train on a table and write the model directory `place`; returns its evaluation.

    split : rows that train, choose and test (default: by the schema's split column, else drawn by seed).
    The saved model is measured on the test rows, through the running wing; without test rows the returned
    evaluation has no metrics and no report is written.
    ceilings : best possible accuracy of each pattern, where the table was made so that it is known.
    """
    begun = time.perf_counter()
    if not schema.modalities:
        raise TableError(
            f"{table.name}: no column holds pictures, words, sounds, vectors or named numbers to learn from: name some "
            "with --image, --text, --numeric or --categorical COLUMN (in Python image=, text=, numeric=, categorical=)"
        )
    found = read_target(table, schema, options.target)
    if split is None:
        split = make_split(
            table,
            schema,
            found,
            test_size=options.test_size,
            validation_size=options.validation_size,
            seed=options.seed,
            unlabelled_teach=options.semi_supervised,
        )
    for name in options.slices:
        column_slices(table, name, split.test)  # what is wrong with a column is told before training
    check_place(place)
    noted = (
        *label_notes(found, str(schema.label)),
        *split.notes,
        *_short_test_side(schema, found, split, options),
    )
    split = replace(split, notes=(*noted, *harmful_findings(table, schema, found, split)))
    beside = None
    if options.semi_supervised:
        fitted, beside = fit_beside(table, schema, found, split, options)
    else:
        fitted = fit_heads(table, schema, found, split, options)
    with new_model_directory(place) as making:
        manifest = _write(making, fitted, table, schema, found, options)
        write_manifest(making, manifest)
        # What ships maps the same features anew: they would be mapped twice.
        fitted.prepared = fitted.prepared.without_features()
        evaluation = _measure(making, table, schema, found, fitted, options)
        if beside is not None:
            rival = _measured_apart(place, beside.other, table, schema, found, options)
            add_row(evaluation, beside, rival)
        if ceilings is not None:
            evaluation["ceilings"] = dict(ceilings)
        evaluation["seconds"]["total"] = round(time.perf_counter() - begun, 3)
        write_results(making, manifest, evaluation, table, schema)
    return evaluation


def _short_test_side(schema: Schema, found: Labels, split: Split, options: Options) -> list[str]:
    """Say that far fewer rows test than were asked for: groups and duplicates are not parted."""
    labelled = int((found.values >= 0).sum())
    if schema.split is not None or not 0 < len(split.test) < options.test_size * labelled / 2:
        return []
    return [
        f"{len(split.test)} of {labelled} rows test, fewer than half of the {options.test_size:.0%} asked for: groups "
        "and rows with the same inputs stay on one side"
    ]


def _measured_apart(
    place: Path, fitted: Fitted, table: Table, schema: Schema, found: Labels, options: Options
) -> dict[str, Any]:
    """The evaluation of what does not ship, by the running wing from a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as folder:
        making = Path(folder)
        write_manifest(making, _write(making, fitted, table, schema, found, options))
        return _measure(making, table, schema, found, fitted, options)


def _write(
    making: Path, fitted: Fitted, table: Table, schema: Schema, found: Labels, options: Options
) -> Manifest:
    """Write encoders and heads; every unimodal head ships, since it is a baseline of the report."""
    begun = time.perf_counter()
    (making / "heads").mkdir()
    for name, head in fitted.heads.items():
        export_head(fitted.modules[name], (making / head.file).with_suffix(""))
    entries = fitted.prepared.encoders.write(making)
    fitted.seconds["write"] = round(time.perf_counter() - begun, 3)
    return Manifest(
        task=fitted.prepared.target.task,
        classes=found.classes,
        class_type=found.type,
        prior=tuple(fitted.prepared.prior.tolist()),
        schema=schema,
        sources=entries,
        heads=fitted.heads,
        patterns=fitted.selection.patterns,
        baselines={name: name for name, head in fitted.heads.items() if head.kind == "unimodal"},
        training={
            "options": asdict(options),
            "table": {"name": table.name, "rows": len(table), "digest": table_digest(table)},
            "rows": fitted.prepared.split.counts,
            "fitted": fitted.record,
            "probes": {
                name: {
                    "inverse_penalty": probe.inverse_penalty,
                    f"held_out_{fitted.prepared.target.loss}": probe.tried,
                }
                for name, probe in fitted.probes.items()
            },
            "notes": fitted.prepared.notes,
        },
        seed=options.seed,
        versions=made_with(),
        target=fitted.prepared.target.entry,
    )


def _measure(
    making: Path,
    table: Table,
    schema: Schema,
    found: Labels,
    fitted: Fitted,
    options: Options,
) -> dict[str, Any]:
    """`evaluation.json`: the test rows answered by the directory as written, and how it was trained."""
    split = fitted.prepared.split
    if len(split.test):
        model = Model(making, cache=FeatureCache() if options.cache else None)
        evaluation = evaluate(model, table, split.test, slices=options.slices)
    else:
        evaluation = {**not_measured(fitted.prepared.target.task), "target": found.kind}
    evaluation["notes"] = list(dict.fromkeys([*fitted.prepared.notes, *evaluation.get("notes", [])]))
    add_broken(evaluation, fitted.prepared.broken)
    evaluation["history"] = {
        name: [epoch.to_json() for epoch in epochs] for name, epochs in fitted.history.items()
    }
    evaluation["selection"] = {
        pattern: {
            "chosen": entry.chosen,
            "why": entry.why,
            "temperature": entry.temperature if fitted.prepared.target.calibrated else None,
            "candidates": [c.to_json() for c in fitted.selection.candidates.get(pattern, [])],
        }
        for pattern, entry in fitted.selection.patterns.items()
    }
    if found.kind == "class":
        evaluation["label_errors"] = _suspects(table, schema, found, fitted)
    sides = split.counts
    teach = len(fitted.prepared.views.unlabelled)
    left_out = len(table) - sum(sides.values()) - teach
    evaluation["data"] = {"name": table.name, "rows": sides, "left_out": left_out}
    if teach:
        evaluation["data"]["unlabelled"] = teach
    evaluation["seed"] = options.seed
    evaluation["seconds"] = {**evaluation["seconds"], **fitted.seconds}
    return evaluation


def _suspects(table: Table, schema: Schema, found: Labels, fitted: Fitted) -> dict[str, Any]:
    """Rows that were fitted on and whose label looks wrong, for a person to look at: how many, and the worst."""
    rows = fitted.prepared.held_rows
    answers = fitted.selection.held_answers
    suspects = label_errors(answers, found.values[rows])
    worst = suspects.rows[:SUSPECTS]
    return {
        "n": len(suspects.rows),
        "looked_at": int(np.isfinite(answers).all(axis=1).sum()),
        "rows": [
            {
                **cells,
                "suggested": found.classes[guess],
                "probability": float(answers[at, guess]),
                "probability_of_label": float(answers[at, found.values[rows[at]]]),
            }
            for cells, at, guess in zip(
                shown_cells(table, schema, rows[worst]), worst, suspects.suggested, strict=False
            )
        ],
    }
