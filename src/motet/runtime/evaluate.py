"""The report is made by what ships: the saved model answers the rows, and its answers become `evaluation.json`."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet import __version__
from motet.data import Table, encode_labels, row_ids
from motet.errors import TableError
from motet.evaluation import class_table, classification_metrics, evaluate_patterns, row_patterns

if TYPE_CHECKING:
    from motet.runtime.model import EncodedRows, Model

Rows = npt.NDArray[np.int64]
MISTAKES = 24
TEXT_SHOWN = 600


def evaluate(model: Model, table: Table, rows: Rows | None = None, *, split: str = "test") -> dict[str, Any]:
    """Measure a saved model on labelled rows.

    rows : which (default: all). Rows without a label are left out and counted; a label that the model does not
    know counts as a mistake, and is noted.

    Raises TableError where no row has a label.
    """
    begun = time.perf_counter()
    manifest = model.manifest
    rows = np.arange(len(table)) if rows is None else rows
    labels = encode_labels(table, manifest.schema, manifest.classes)
    unlabelled = int((labels.values[rows] == -1).sum())
    rows = rows[labels.values[rows] != -1]
    if len(rows) == 0:
        raise TableError(
            f"{table.name}: no row has a label in column {manifest.schema.label!r}: nothing to measure"
        )
    truth = labels.values[rows]
    encoded = model.encode(table, rows, sources=tuple(manifest.sources))
    encoding = time.perf_counter() - begun
    measured, answers = evaluate_patterns(
        lambda present: model.probabilities(encoded, present), encoded.present, truth, seed=manifest.seed
    )
    unseen = int((truth == -2).sum())
    notes = [*table.notes]
    if unlabelled:
        notes.append(f"{unlabelled} rows have no label and were left out")
    if unseen:
        names = sorted({issue.value for issue in labels.issues})[:5]
        notes.append(
            f"{unseen} rows have a label that the model never saw ({', '.join(names)}): counted as mistakes"
        )
    mine = set(rows.tolist())
    broken = [i for i in (*(i for i in table.issues if i.row in mine), *encoded.issues) if i.broken]
    return {
        "schema_version": 1,
        "task": manifest.task,
        "split": split,
        "n": len(rows),
        **measured,
        "baselines": _baselines(model, encoded, truth),
        "issues": {
            "broken": len(broken),
            "absent": {m: int((~have).sum()) for m, have in encoded.present.items()},
        },
        "classes": list(manifest.classes),
        **class_table(answers, truth, manifest.classes),
        "mistakes": _mistakes(model, table, rows, encoded, answers, truth),
        "broken": [issue.to_json() for issue in broken],
        "sources": {
            name: {"modality": e.modality, "encoder": e.encoder, "width": e.width, "licence": e.licence}
            for name, e in manifest.sources.items()
        },
        "notes": notes,
        "seconds": {"encode_test": round(encoding, 3), "evaluate": round(time.perf_counter() - begun, 3)},
        "versions": {"motet": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "data": {"name": table.name},
    }


def _baselines(model: Model, encoded: EncodedRows, truth: Rows) -> dict[str, Any]:
    """Majority and each source's linear probe, on the rows that have its modality."""
    manifest = model.manifest
    prior = np.tile(np.asarray(manifest.prior), (len(truth), 1))
    found: dict[str, Any] = {
        "majority": {
            "pattern": "none",
            "n": len(truth),
            "metrics": classification_metrics(prior, truth, seed=manifest.seed),
        }
    }
    for name, head in manifest.baselines.items():
        modality = manifest.sources[manifest.heads[head].sources[0]].modality
        have = np.flatnonzero(encoded.present[modality])
        if len(have):
            answers = model.head_probabilities(head, encoded, have)
            metrics = classification_metrics(answers, truth[have], seed=manifest.seed)
            found[name] = {"pattern": modality, "n": len(have), "metrics": metrics}
    return found


def _mistakes(
    model: Model,
    table: Table,
    rows: Rows,
    encoded: EncodedRows,
    answers: npt.NDArray[np.floating],
    truth: Rows,
) -> list[dict[str, Any]]:
    """The rows that were answered wrongly with the most confidence."""
    schema = model.manifest.schema
    predicted, confidence = answers.argmax(axis=1), answers.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    patterns = row_patterns({name: have[wrong] for name, have in encoded.present.items()})
    label = table.column(str(schema.label))
    named = schema.id is not None and schema.id in table.columns
    ids = row_ids(table, str(schema.id), rows[wrong]) if named else [None] * len(wrong)
    return [
        {
            "row": int(rows[at]),
            "id": name,
            "label": str(label[int(rows[at])].as_py()),
            "prediction": model.classes[predicted[at]],
            "confidence": float(confidence[at]),
            "pattern": pattern,
            "text": _words(table, schema.inputs("text"), int(rows[at])),
            "image": _picture(table, schema.inputs("image"), int(rows[at])),
        }
        for at, pattern, name in zip(wrong, patterns, ids, strict=True)
    ]


def _cell(table: Table, column: str | None, row: int) -> Any:
    return None if column is None or column not in table.columns else table.column(column)[row].as_py()


def _words(table: Table, columns: tuple[str, ...], row: int) -> str | None:
    words = [(name, _cell(table, name, row)) for name in columns]
    said = [f"{name}: {value}" if len(columns) > 1 else str(value) for name, value in words if value]
    return "\n".join(said)[:TEXT_SHOWN] or None


def _picture(table: Table, columns: tuple[str, ...], row: int) -> str | None:
    values = (_cell(table, name, row) for name in columns)
    return next((value for value in values if isinstance(value, str)), None)
