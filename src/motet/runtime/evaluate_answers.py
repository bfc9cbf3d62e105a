"""Answers to questions measured by what ships: VQA accuracy, by pattern, by question type, beside its baselines."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import Table, TextCells, column_slices
from motet.data.answers import AnswerCounts, Answers, count_answers, read_answers
from motet.data.slicing import Slice
from motet.errors import TableError
from motet.evaluation import (
    classification_metrics,
    evaluate_patterns,
    row_patterns,
    slice_metrics,
    vqa_scores,
)
from motet.evaluation.intervals import bootstrap_mean
from motet.evaluation.question_types import question_types
from motet.runtime.evaluate import FEW_MEASURED, MISTAKES, SLICE_DRAWS
from motet.runtime.insight import insight
from motet.runtime.known_answers import KnownAnswers
from motet.runtime.measured_rows import rows_to_measure
from motet.runtime.provenance import broken_cells, provenance
from motet.runtime.shown_cells import shown_cells
from motet.runtime.surely_worse import worse_notes
from motet.runtime.table_notes import pattern_notes

if TYPE_CHECKING:
    from motet.runtime.answer_model import AnswerModel
    from motet.runtime.model import EncodedRows

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
QUESTION_TYPE = "question type"
TOLD_APART = (
    200  # answers at most of each of which scores are told: a matrix of 3,000 would be 9 million numbers
)


def evaluate_answers(
    model: AnswerModel,
    table: Table,
    rows: Rows | None = None,
    *,
    all_rows: bool = False,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """Measure a saved model on rows with reference answers: the content of `evaluation.json`.

    Accuracy is the share of rows answered with their most common reference, letter for letter once both are normalised
    (the strict form). Where some row has several references, `vqa_accuracy` is the mean VQA score, the official form
    (`evaluation.vqa_scores`). A reference that the model cannot give counts as a mistake.
    rows, all_rows, slices : as in `evaluate`; question types are told as a slice too.

    Raises TableError where no row has an answer.
    """
    begun = time.perf_counter()
    manifest = model.manifest
    notes = [*table.notes]
    split = "test"
    if rows is None:
        rows, split, note = rows_to_measure(model, table, all_rows)
        notes += [note] if note else []
    answers = read_answers(table, manifest.schema)
    counts = count_answers(answers, manifest.classes)
    asked = set(rows.tolist())
    unreadable = [issue for issue in answers.issues if issue.row in asked]
    rows = _answered(table, answers, counts, rows, notes)
    for name in slices:
        column_slices(table, name, rows)  # what is wrong with a column is told before minutes of encoding
    encoded = model.encode(table, rows, sources=tuple(manifest.sources))
    encoding = time.perf_counter() - begun
    notes += pattern_notes(Counter(row_patterns(encoded.present)), manifest.patterns)
    measure = _Measure(counts, rows, answers.several, manifest.seed)
    known = KnownAnswers(model, encoded)
    places = np.arange(len(rows))
    measured, given = evaluate_patterns(known, encoded.present, places, seed=manifest.seed, measure=measure)
    beside = _baselines(model, encoded)
    notes += _worse(manifest.seed, beside, given, measure.truth)
    mine = set(rows.tolist())
    measured_cells = broken_cells((i for i in table.issues if i.row in mine), encoded.issues)
    broken = broken_cells(unreadable, measured_cells)
    parted = {QUESTION_TYPE: _types(table, model, rows)} | {n: column_slices(table, n, rows) for n in slices}
    return {
        "schema_version": 1,
        "task": "answer",
        "target": "class",
        "split": split,
        "n": len(rows),
        **measured,
        "baselines": {
            name: {"pattern": pattern, "n": len(have), "metrics": measure(theirs, have)}
            for name, (pattern, have, theirs) in beside.items()
        },
        **insight(known, given, measure.truth),
        "slices": {
            name: slice_metrics(found, lambda at: measure(given[at], at, draws=SLICE_DRAWS))
            for name, found in parted.items()
            if found
        },
        "issues": {
            "broken": len(broken),
            "broken_measured": len(measured_cells),
            "absent": {m: int((~have).sum()) for m, have in encoded.present.items()},
        },
        "classes": list(manifest.classes),
        **(model.target.details(given, measure.truth) if len(manifest.classes) <= TOLD_APART else {}),
        "mistakes": _mistakes(model, table, answers, rows, encoded.present, given, measure.truth),
        "vocabulary": {"size": len(manifest.classes), "unseen": {split: counts.unseen_share(rows)}},
        **provenance(manifest, table, broken, notes, encoding=encoding, begun=begun),
    }


class _Measure:
    """Metrics of answers [n, C] to some of the measured rows, which are told by their places [n]."""

    def __init__(self, counts: AnswerCounts, rows: Rows, several: bool, seed: int) -> None:
        self.counts, self.rows, self.several, self.seed = counts, rows, several, seed
        self.truth = counts.common[rows]

    def __call__(
        self, answers: Floats, places: Rows, *, seed: int | None = None, draws: int = 1000
    ) -> Mapping[str, Any]:
        seed = self.seed if seed is None else seed
        found: dict[str, Any] = {
            **classification_metrics(answers, self.truth[places], seed=seed, draws=draws)
        }
        if self.several:
            rows = self.rows[places]
            best = answers.argmax(axis=1)
            matches = np.concatenate(
                [self.counts.dense(some)[np.arange(len(some)), said] for some, said in _windows(rows, best)]
            )
            scores = vqa_scores(matches, self.counts.totals[rows])
            found["vqa_accuracy"] = bootstrap_mean(scores, seed=seed, draws=draws)
        return found


def _baselines(model: AnswerModel, encoded: EncodedRows) -> dict[str, tuple[str, Rows, Floats]]:
    """By name: the pattern that a baseline answers, the measured rows [n] that have it, and its answers [n, C]."""
    manifest = model.manifest
    prior = np.tile(np.asarray(manifest.prior), (len(encoded), 1))
    found: dict[str, tuple[str, Rows, Floats]] = {"majority": ("none", np.arange(len(encoded)), prior)}
    for name, head in manifest.baselines.items():
        modality = manifest.sources[manifest.heads[head].sources[0]].modality
        have = np.flatnonzero(encoded.present[modality])
        if len(have):
            found[name] = modality, have, model.head_probabilities(head, encoded, have)
    return found


def _worse(
    seed: int, baselines: Mapping[str, tuple[str, Rows, Floats]], given: Floats, truth: Rows
) -> list[str]:
    """Notes where the model's answers [n, C] are surely worse than those of a baseline."""
    right = np.asarray(given.argmax(axis=1) == truth, float)
    theirs = {
        name: (have, np.asarray(answers.argmax(axis=1) == truth[have], float))
        for name, (_, have, answers) in baselines.items()
    }
    return worse_notes("accuracy", right, theirs, seed=seed)


def _windows(rows: Rows, best: Rows) -> list[tuple[Rows, Rows]]:
    """Rows and what was said of them, 4,096 at a time: the counts of all answers at once could be gigabytes."""
    return [(rows[i : i + 4096], best[i : i + 4096]) for i in range(0, len(rows), 4096)]


def _answered(table: Table, answers: Answers, counts: AnswerCounts, rows: Rows, notes: list[str]) -> Rows:
    """The rows that have an answer; notes say how many have none, or none that the model can give."""
    left = counts.common[rows] == -1
    if left.all():
        raise TableError(f"{table.name}: no row to be measured has an answer: nothing to measure")
    if left.any():
        notes.append(f"{int(left.sum()):,} rows without an answer were left out")
    rows = rows[~left]
    unseen = np.flatnonzero(counts.common[rows] < -1)
    if len(unseen):
        shown = [answers.most_common(row) for row in rows[unseen[:50]].tolist()]
        names = ", ".join(map(repr, list(dict.fromkeys(shown))[:5]))
        notes.append(
            f"{len(unseen):,} of {len(rows):,} rows have a most common answer that the model cannot give ({names}): "
            "counted as mistakes"
        )
    if len(rows) < FEW_MEASURED:
        notes.append(
            f"only {len(rows)} rows were measured: one row more or less right changes the figures much"
        )
    return rows


def _types(table: Table, model: AnswerModel, rows: Rows) -> list[Slice]:
    """The rows of each question type, the most frequent first."""
    questions = TextCells(table, [model.question]).take(rows)
    types = question_types(questions)
    counted = Counter(types)
    named = np.array(types, object)
    return [
        Slice(name, "value", np.flatnonzero(named == name))
        for name in sorted(counted, key=lambda name: (-counted[name], name))
    ]


def _mistakes(
    model: AnswerModel,
    table: Table,
    answers: Answers,
    rows: Rows,
    present: Mapping[str, npt.NDArray[np.bool_]],
    given: Floats,
    truth: Rows,
) -> list[dict[str, Any]]:
    """The rows that were answered wrongly with the most confidence."""
    wrong = model.target.worst(given, truth)[:MISTAKES]
    patterns = row_patterns({name: have[wrong] for name, have in present.items()})
    told = model.told(given[wrong], patterns)
    return [
        {
            **shown,
            "label": ", ".join(answers.written[row]),
            "prediction": one["prediction"],
            "confidence": one["confidence"],
            "pattern": pattern,
        }
        for shown, row, one, pattern in zip(
            shown_cells(table, model.manifest.schema, rows[wrong]),
            rows[wrong].tolist(),
            told,
            patterns,
            strict=True,
        )
    ]
