"""The report is made by what ships: the saved model answers the rows, and its answers become `evaluation.json`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import Table, column_slices, encode_target
from motet.data.targets import label_notes, unseen_labels
from motet.evaluation import (
    evaluate_patterns,
    row_patterns,
    slice_metrics,
)
from motet.runtime.insight import insight
from motet.runtime.known_answers import KnownAnswers
from motet.runtime.measured_rows import labelled_rows, rows_to_measure, told_apart
from motet.runtime.provenance import provenance
from motet.runtime.shown_cells import shown_cells
from motet.runtime.table_notes import pattern_notes

if TYPE_CHECKING:
    from motet.runtime.model import EncodedRows, Model

Rows = npt.NDArray[np.int64]
MISTAKES = 24
FEW_MEASURED = 30  # rows below which a figure says little
SLICE_DRAWS = 300  # of the bootstrap, for each slice: there may be many


def evaluate(
    model: Model,
    table: Table,
    rows: Rows | None = None,
    *,
    split: str | None = None,
    all_rows: bool = False,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure a saved model on labelled rows: the content of `evaluation.json`.

    rows : row numbers to measure [n]. Not given: where the table has the split column that the model was trained
        with, the rows that it calls test, else all rows; a note says which.
    split : what the rows are called (default: `test`, or `given` for all rows of a table).
    all_rows : all rows, also where the split column names test rows.
    slices : columns by whose values every metric is told too (`data.column_slices`).

    Rows without a label are left out and counted; a label that the model does not know counts as a mistake. Both
    are noted, and so are a table that trained the model and is measured whole, and fewer than 30 measured rows.

    Of `issues`, `broken_measured` counts broken cells of the measured rows, and `absent` the measured rows without
    each modality (empty or broken). `broken` is the same as `broken_measured` here; where a model is built it counts
    the cells of all rows, also of those that train.

    Raises TableError where no row is there to measure, and for a split column that says something else; UsageError for
    a column that cannot be sliced by.
    """
    begun = time.perf_counter()
    manifest = model.manifest
    notes = [*table.notes]
    if rows is None:
        rows, found, note = rows_to_measure(model, table, all_rows)
        notes += [note] if note else []
    else:
        found = "test"
    split = found if split is None else split
    target = model.target
    labels = encode_target(table, manifest.schema, target.kind, manifest.classes)
    notes += label_notes(labels, str(manifest.schema.label))
    notes += unseen_labels(labels, manifest.classes)
    rows = labelled_rows(table, labels, rows, split, str(manifest.schema.label), notes)
    truth = labels.truth[rows]
    if target.kind == "class":
        truth = told_apart(truth, table, str(manifest.schema.label), rows)
    if len(rows) < FEW_MEASURED:
        were = "row was" if len(rows) == 1 else "rows were"
        notes.append(f"only {len(rows)} {were} measured: one row more or less right changes the figures much")
    for name in slices:
        column_slices(table, name, rows)  # what is wrong with a column is told before minutes of encoding
    encoded = model.encode(table, rows, sources=tuple(manifest.sources))
    encoding = time.perf_counter() - begun
    notes += pattern_notes(Counter(row_patterns(encoded.present)), manifest.patterns)
    known = KnownAnswers(model, encoded)

    def judged(present: Mapping[str, npt.NDArray[np.bool_]]) -> npt.NDArray[np.floating]:
        return target.judged(known(present), row_patterns(present), manifest.patterns)

    measured, answers = evaluate_patterns(
        judged,
        encoded.present,
        truth,
        seed=manifest.seed,
        measure=target.metrics,
    )
    mine = set(rows.tolist())
    broken = [i for i in (*(i for i in table.issues if i.row in mine), *encoded.issues) if i.broken]
    return {
        "schema_version": 1,
        "task": manifest.task,
        "target": target.kind,
        "split": split,
        "n": len(rows),
        **measured,
        "baselines": _baselines(model, encoded, truth),
        **insight(known, answers, truth),
        **_slices(model, table, rows, slices, answers, truth),
        "issues": {
            "broken": len(broken),
            "broken_measured": len(broken),
            "absent": {m: int((~have).sum()) for m, have in encoded.present.items()},
        },
        "classes": list(manifest.classes),
        **target.details(answers, truth),
        "mistakes": _mistakes(model, table, rows, encoded, answers, truth),
        **provenance(manifest, table, broken, notes, encoding=encoding, begun=begun),
    }


def _slices(
    model: Model,
    table: Table,
    rows: Rows,
    columns: Sequence[str],
    answers: npt.NDArray[np.floating],
    truth: npt.NDArray[Any],
) -> dict[str, Any]:
    """Every metric of the rows as they are, by each value of the columns; nothing where none is named."""

    def measure(at: Rows) -> dict[str, Any]:
        seed = model.manifest.seed
        return dict(model.target.metrics(answers[at], truth[at], seed=seed, draws=SLICE_DRAWS))

    parted = {name: slice_metrics(column_slices(table, name, rows), measure) for name in columns}
    return {"slices": parted} if parted else {}


def _baselines(model: Model, encoded: EncodedRows, truth: npt.NDArray[Any]) -> dict[str, Any]:
    """What looks at nothing, and each source's linear probe, on the rows that have its modality."""
    manifest = model.manifest
    prior = np.tile(np.asarray(manifest.prior), (len(truth), 1))

    def as_told(answers: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return model.target.judged(answers, ["none"] * len(answers), manifest.patterns)

    found: dict[str, Any] = {
        model.target.prior_name: {
            "pattern": "none",
            "n": len(truth),
            "metrics": model.target.metrics(as_told(prior), truth, seed=manifest.seed),
        }
    }
    for name, head in manifest.baselines.items():
        modality = manifest.sources[manifest.heads[head].sources[0]].modality
        have = np.flatnonzero(encoded.present[modality])
        if len(have):
            answers = model.head_probabilities(head, encoded, have)
            metrics = model.target.metrics(as_told(answers), truth[have], seed=manifest.seed)
            found[name] = {"pattern": modality, "n": len(have), "metrics": metrics}
    return found


def _mistakes(
    model: Model,
    table: Table,
    rows: Rows,
    encoded: EncodedRows,
    answers: npt.NDArray[np.floating],
    truth: npt.NDArray[Any],
) -> list[dict[str, Any]]:
    """The rows that were answered worst: wrongly with the most confidence, or farthest off."""
    wrong = model.target.worst(answers, truth)[:MISTAKES]
    patterns = row_patterns({name: have[wrong] for name, have in encoded.present.items()})
    return [
        {
            **cells,
            "prediction": told["prediction"],
            "confidence": told.get("confidence"),
            "pattern": pattern,
        }
        for cells, told, pattern in zip(
            shown_cells(table, model.manifest.schema, rows[wrong]),
            model.told(answers[wrong, : len(model.manifest.prior)], patterns),
            patterns,
            strict=False,
        )
    ]
