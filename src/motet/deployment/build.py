"""From a table to a model directory: encode once, fit the heads, choose for each pattern, write, measure what ships."""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from motet import __version__
from motet.data import CellIssue, Labels, Schema, Split, Table, cells, labels, make_split
from motet.deployment.heads import export_head
from motet.deployment.options import Options
from motet.deployment.sources import open_sources
from motet.encoders import Encoder, FeatureCache, FeatureTable, save_encoder
from motet.errors import TableError
from motet.fusion import FUSIONS, Source
from motet.model import (
    HeadEntry,
    Manifest,
    SourceEntry,
    check_place,
    file_name,
    model_card,
    new_model_directory,
    write_manifest,
)
from motet.report import mistake_thumbnails, write_report
from motet.runtime import Model, evaluate
from motet.selection import Selection, select
from motet.tasks import ClassifierEnsemble, FusedClassifier
from motet.training import Epoch, fit_probe, predict_logits, train_head

log = logging.getLogger("motet")
Rows = npt.NDArray[np.int64]
SELECTION_ROWS = 100_000  # above this, probes and selection use a seeded, stratified sample
PACKAGES = (
    "torch",
    "transformers",
    "onnxruntime",
    "numpy",
    "scikit-learn",
    "tokenizers",
    "pillow",
    "pyarrow",
)


@dataclass(frozen=True)
class _Trained:
    """What training hands to writing: encoders, heads by name, the choice, and the record of how."""

    encoders: dict[str, Encoder]
    engines: dict[str, dict[str, Any]]
    modules: dict[str, Any]
    heads: dict[str, HeadEntry]
    selection: Selection
    history: dict[str, list[Epoch]]
    probes: dict[str, dict[str, Any]]
    broken: list[CellIssue]
    notes: list[str]
    seconds: dict[str, float]


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
        raise TableError(f"{table.name}: no column holds pictures, words or named numbers to learn from")
    found = labels(table, schema)
    if len(found.classes) == int((found.values >= 0).sum()):
        raise TableError(
            f"{table.name}: every row has a label of its own in column {schema.label!r}: "
            "that names rows, it is not a class"
        )
    if split is None:
        split = make_split(
            table,
            schema,
            found,
            test_size=options.test_size,
            validation_size=options.validation_size,
            seed=options.seed,
        )
    check_place(place)
    trained = _train(table, schema, found, split, options)
    with new_model_directory(place) as making:
        manifest = _write(making, trained, schema, found, split, options)
        write_manifest(making, manifest)
        evaluation = _measure(making, table, split, trained, options)
        if ceilings is not None:
            evaluation["ceilings"] = dict(ceilings)
        evaluation["seconds"]["total"] = round(time.perf_counter() - begun, 3)
        text = json.dumps(evaluation, ensure_ascii=False, indent=1)
        (making / "evaluation.json").write_text(text + "\n", encoding="utf-8")
        measured = "overall" in evaluation
        (making / "README.md").write_text(
            model_card(manifest, evaluation if measured else None), encoding="utf-8"
        )
        if measured:
            pictures = mistake_thumbnails(table, schema, evaluation)
            write_report(making / "report.html", evaluation, title=table.name, thumbnails=pictures)
        write_manifest(making, manifest)
    return evaluation


def _train(table: Table, schema: Schema, found: Labels, split: Split, options: Options) -> _Trained:
    by_modality = cells(table, schema)
    cache = FeatureCache() if options.cache else None
    notes, seconds, begun = [*table.notes, *split.notes], {}, time.perf_counter()
    rows = np.concatenate([split.train, split.validation])
    train, validation = np.arange(len(split.train)), np.arange(len(split.train), len(rows))
    truth, classes = found.values[rows], len(found.classes)
    weights = _class_weights(truth[train], classes) if options.class_weights else None
    for modality, column in by_modality.items():
        _refuse_unseen(modality, column.present[split.train], column.issues, schema)
    opened = open_sources(by_modality, found.values, classes, split.train, split.validation, options, weights)
    encoders, history = opened.encoders, opened.history
    tables: dict[str, FeatureTable] = {}
    known = set(rows.tolist())
    issues = [*table.issues, *(issue for column in by_modality.values() for issue in column.issues)]
    for name, encoder in encoders.items():
        encoder.fit(by_modality[encoder.modality], split.train)
        tables[name] = encoder.encode(by_modality[encoder.modality], rows, cache=cache)
        _refuse_unseen(encoder.modality, tables[name].present[train], tables[name].issues, schema)
    seconds["encode"] = round(time.perf_counter() - begun, 3)
    begun = time.perf_counter()
    issues += [issue for made in tables.values() for issue in made.issues]
    unique = {(issue.row, issue.column): issue for issue in issues if issue.broken and issue.row in known}
    broken = [unique[key] for key in sorted(unique)]
    sources = {name: Source(name, encoder.modality, tables[name].width) for name, encoder in encoders.items()}
    few = _sample(train, truth, options.seed)
    some = _sample(validation, truth, options.seed)
    if len(few) < len(train):
        notes.append(
            f"probes and selection used a seeded, stratified sample of {len(few):,} training "
            f"and {len(some):,} validation rows"
        )
    modules: dict[str, Any] = {}
    heads: dict[str, HeadEntry] = {}
    probes: dict[str, dict[str, Any]] = {}
    several = len({source.modality for source in sources.values()}) > 1
    for name, source in sources.items():
        probe = fit_probe(source, tables[name], truth, few, some, classes, class_weights=weights)
        modules[name] = probe.module
        heads[name] = HeadEntry(f"heads/{file_name(name)}.onnx", (name,), "unimodal")
        probes[name] = {"inverse_penalty": probe.inverse_penalty, "validation_log_loss": probe.tried}
    for fusion in options.fusions if several else ():
        torch.manual_seed(options.seed)  # of the first weights; the loop seeds its own order and dropout
        members = [
            FusedClassifier(FUSIONS[fusion](list(sources.values())), classes)
            for _ in range(options.training.members)
        ]
        made = train_head(
            ClassifierEnsemble(members),
            tables,
            truth,
            train,
            validation,
            replace(options.training, seed=options.seed),
            class_weights=weights,
            description=fusion,
        )
        modules[fusion], history[fusion] = made.module, made.history
        heads[fusion] = HeadEntry(f"heads/{fusion}.onnx", tuple(sources), fusion)
    seconds["train"] = round(time.perf_counter() - begun, 3)
    begun = time.perf_counter()
    selection = _select(schema, sources, tables, modules, heads, some, truth, options)
    seconds["select"] = round(time.perf_counter() - begun, 3)
    return _Trained(
        encoders, opened.engines, modules, heads, selection, history, probes, broken, notes, seconds
    )


def _refuse_unseen(
    modality: str, present: npt.NDArray[np.bool_], issues: Sequence[CellIssue], schema: Schema
) -> None:
    """Raise TableError where no training row has a modality; present [n] of the training rows."""
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


def _sample(rows: Rows, truth: npt.NDArray[np.int64], seed: int) -> Rows:
    """All rows, or a seeded sample of SELECTION_ROWS of them with each class in its share (at least one row)."""
    if len(rows) <= SELECTION_ROWS:
        return rows
    shuffled = np.random.default_rng(seed).permutation(rows)
    ordered = shuffled[np.argsort(truth[shuffled], kind="stable")]
    counts = np.bincount(truth[ordered])
    place = np.concatenate([np.arange(count) for count in counts])  # place of each row within its class
    keep = place < np.repeat(np.ceil(counts * SELECTION_ROWS / len(rows)), counts)
    return np.sort(ordered[keep])


def _select(
    schema: Schema,
    sources: Mapping[str, Source],
    tables: Mapping[str, FeatureTable],
    modules: Mapping[str, Any],
    heads: Mapping[str, HeadEntry],
    rows: Rows,
    truth: npt.NDArray[np.int64],
    options: Options,
) -> Selection:
    modality_of = {name: source.modality for name, source in sources.items()}
    known: dict[tuple[str, frozenset[str]], npt.NDArray[np.floating]] = {}

    def logits_of(
        head: str, shown: frozenset[str], wanted: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.floating]:
        read = frozenset(modality_of[source] for source in heads[head].sources)
        key = (head, shown & read)
        if key not in known:
            known[key] = predict_logits(modules[head], tables, rows, shown=shown)
        return known[key][wanted]

    present = {
        modality: np.logical_and.reduce(
            [tables[name].present[rows] for name in sources if modality_of[name] == modality]
        )
        for modality in schema.modalities
    }
    return select(
        heads, modality_of, schema.modalities, logits_of, present, truth[rows], forced=options.forced
    )


def _write(
    making: Path, trained: _Trained, schema: Schema, found: Labels, split: Split, options: Options
) -> Manifest:
    """Write encoders and heads; every unimodal head ships, since it is a baseline of the report."""
    begun = time.perf_counter()
    chosen = {m.head for entry in trained.selection.patterns.values() for m in entry.members}
    kept = {name: head for name, head in trained.heads.items() if head.kind == "unimodal" or name in chosen}
    (making / "heads").mkdir()
    for name, head in kept.items():
        export_head(trained.modules[name], (making / head.file).with_suffix(""))
    entries = {}
    for name, encoder in trained.encoders.items():
        directory = f"encoders/{file_name(name)}"
        save_encoder(encoder, making / directory)
        entries[name] = SourceEntry(
            encoder.modality,
            encoder.name,
            directory,
            encoder.width,
            encoder.licence,
            encoder.fingerprint,
            trained.engines[name],
        )
    truth = found.values[split.train]
    prior = np.bincount(truth, minlength=len(found.classes)) / len(truth)
    trained.seconds["write"] = round(time.perf_counter() - begun, 3)
    return Manifest(
        task="classify",
        classes=found.classes,
        class_type=found.type,
        prior=tuple(prior.tolist()),
        schema=schema,
        sources=entries,
        heads=kept,
        patterns=trained.selection.patterns,
        baselines={name: name for name, head in kept.items() if head.kind == "unimodal"},
        training={
            "options": asdict(options),
            "rows": {
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
            },
            "probes": trained.probes,
            "notes": trained.notes,
        },
        seed=options.seed,
        versions={"motet": __version__, "python": platform.python_version(), **_versions()},
    )


def _measure(making: Path, table: Table, split: Split, trained: _Trained, options: Options) -> dict[str, Any]:
    """`evaluation.json`: the test rows answered by the directory as written, and how it was trained."""
    evaluation: dict[str, Any]
    if len(split.test):
        model = Model(making, cache=FeatureCache() if options.cache else None)
        evaluation = evaluate(model, table, split.test)
    else:
        evaluation = {"schema_version": 1, "task": "classify", "split": "test", "n": 0, "seconds": {}}
    evaluation["notes"] = list(dict.fromkeys([*trained.notes, *evaluation.get("notes", [])]))
    # Every broken cell of the table is listed: those of the test rows were found again by what ships.
    told = [issue.to_json() for issue in trained.broken] + evaluation.get("broken", [])
    evaluation["broken"] = sorted(told, key=lambda issue: (issue["row"], issue["column"]))
    evaluation.setdefault("issues", {})["broken"] = len(told)
    evaluation["history"] = {
        name: [epoch.to_json() for epoch in epochs] for name, epochs in trained.history.items()
    }
    evaluation["selection"] = {
        pattern: {
            "chosen": entry.chosen,
            "why": entry.why,
            "temperature": entry.temperature,
            "candidates": [c.to_json() for c in trained.selection.candidates.get(pattern, [])],
        }
        for pattern, entry in trained.selection.patterns.items()
    }
    evaluation["data"] = {
        "name": table.name,
        "rows": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
    }
    evaluation["seed"] = options.seed
    evaluation["seconds"] = {**evaluation["seconds"], **trained.seconds}
    return evaluation


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
