"""A saved model, running: rows to features, features to the heads of each row's pattern, heads to probabilities.

Needs numpy, Pillow, tokenizers, pyarrow and onnxruntime, never PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Cells, Table, cells, read_table, row_names
from motet.encoders import FeatureCache, FeatureTable, features_of
from motet.errors import ModelError, UsageError
from motet.evaluation import row_contributions, row_patterns
from motet.model import MANIFEST, PatternEntry
from motet.runtime.combination import COMBINERS, tempered
from motet.runtime.opened import OpenedModel
from motet.runtime.prediction import Contribution, Prediction
from motet.runtime.prediction_sets import LEVELS
from motet.runtime.table_notes import column_notes, pattern_notes
from motet.runtime.targets import target_of

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
WINDOW = 2048  # rows that are encoded and answered at a time
TOKEN_WINDOW = 256  # the same where tokens are read: each row is a hundred vectors


@dataclass(frozen=True)
class EncodedRows:
    """N rows as features: a table of each source, presence [N] of each modality, and broken cells."""

    tables: Mapping[str, FeatureTable]
    present: Mapping[str, Bools]
    issues: tuple[CellIssue, ...]

    def __len__(self) -> int:
        return len(next(iter(self.present.values())))

    def part(self, rows: Rows) -> EncodedRows:
        """Some of the rows; issues stay with the whole."""
        tables = {name: table.part(rows) for name, table in self.tables.items()}
        return EncodedRows(tables, {m: have[rows] for m, have in self.present.items()}, ())


class Model(OpenedModel):
    """A saved model that answers rows, opened from its directory; parameters are those of `OpenedModel`."""

    tasks: ClassVar[tuple[str, ...]] = ("classify", "regress")
    purpose = "answer rows"

    def __init__(
        self,
        path: str | Path,
        *,
        cache: FeatureCache | None = None,
        folder: TemporaryDirectory[str] | None = None,
    ) -> None:
        super().__init__(path, cache=cache, folder=folder)
        for pattern, entry in self.manifest.patterns.items():
            if entry.members and entry.rule not in COMBINERS:
                raise ModelError(
                    f"{self.directory.path / MANIFEST}: patterns.{pattern}.rule is {entry.rule!r}, "
                    f"not one of {', '.join(COMBINERS)}"
                )
        self.target = target_of(self.manifest.target, self.manifest.classes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return self.manifest.classes

    @cached_property
    def answering_sources(self) -> tuple[str, ...]:
        """Sources that the heads chosen for any pattern read."""
        chosen = {member.head for entry in self.manifest.patterns.values() for member in entry.members}
        read = {source for head in chosen for source in self.manifest.heads[head].sources}
        return tuple(name for name in self.manifest.sources if name in read)

    @cached_property
    def token_sources(self) -> frozenset[str]:
        """Sources of which the heads chosen for any pattern read tokens."""
        chosen = {member.head for entry in self.manifest.patterns.values() for member in entry.members}
        return frozenset(source for head in chosen for source in self.manifest.heads[head].tokens)

    def read(self, source: Any, *, image_root: str | Path | None = None) -> Table:
        """Read a table as the model's schema has it: columns in any order, absent ones empty; notes say which.

        Raises TableError where none of the columns that the model reads is there.
        """
        table = read_table(source, image_root=image_root)
        new = [note for note in column_notes(table, self.manifest.schema) if note not in table.notes]
        notes = (*table.notes, *new)
        return Table(table.data, table.root, table.name, notes, table.issues)

    def encode(
        self,
        table: Table,
        rows: Rows | None = None,
        *,
        sources: tuple[str, ...] | None = None,
        by_modality: Mapping[str, Cells] | None = None,
    ) -> EncodedRows:
        """Features of the given rows (default: all), for the given sources (default: those that answer).

        by_modality : the table's cells, where a caller who comes in windows has them already.
        """
        rows = np.arange(len(table)) if rows is None else rows
        by_modality = cells(table, self.manifest.schema) if by_modality is None else by_modality
        tables: dict[str, FeatureTable] = {}
        present = {modality: column.present[rows] for modality, column in by_modality.items()}
        issues: dict[tuple[int, str], CellIssue] = {}
        wanted = set(rows.tolist()) if len(rows) < len(table) else None
        for column in by_modality.values():
            issues.update({(i.row, i.column): i for i in column.issues if wanted is None or i.row in wanted})
        for name in sources or self.answering_sources:
            modality = self.manifest.sources[name].modality
            tokens = name in self.token_sources
            encoded = features_of(
                self.encoder(name), by_modality[modality], rows, cache=self.cache, tokens=tokens
            )
            tables[name] = encoded
            present[modality] = present[modality] & encoded.present
            issues.update({(issue.row, issue.column): issue for issue in encoded.issues})
        return EncodedRows(tables, present, tuple(issues[key] for key in sorted(issues)))

    def probabilities(
        self,
        encoded: EncodedRows,
        present: Mapping[str, Bools] | None = None,
        rows: Rows | None = None,
        *,
        calibrated: bool = True,
    ) -> Floats:
        """Probabilities [N, C] of encoded rows, or numbers [N, 1]; `present` may hide modalities that they have.

        calibrated : with the temperature of each pattern; without it only to show what it does.
        """
        present = encoded.present if present is None else present
        rows = np.arange(len(encoded)) if rows is None else rows
        answers = np.tile(np.asarray(self.manifest.prior, np.float64), (len(rows), 1))
        patterns = np.array(row_patterns({name: have[rows] for name, have in present.items()}))
        for pattern in np.unique(patterns):
            entry = self.manifest.patterns[str(pattern)]
            mine = np.flatnonzero(patterns == pattern)
            if entry.members:
                entry = entry if calibrated else replace(entry, temperature=1.0)
                answers[mine] = self._answer(entry, str(pattern), encoded, rows[mine])
        return answers

    def head_probabilities(self, head: str, encoded: EncodedRows, rows: Rows) -> Floats:
        """Probabilities [n, C], or numbers [n, 1], of one head by itself, without temperature: what a baseline is."""
        sources = self.manifest.heads[head].sources
        logits = self.head(head).run(encoded.tables, rows, dict.fromkeys(sources, True))
        return self.target.answers(self.target.spread(logits))

    def predictions(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        coverage: float | None = None,
        abstain_below: float | None = None,
        explain: bool = False,
    ) -> Iterator[Prediction]:
        """One answer for each row of a table, in order; see `predict_windows`."""
        table = self.read(source, image_root=image_root)
        asked = {"coverage": coverage, "abstain_below": abstain_below}
        for window in self.predict_windows(table, **asked, explain=explain):
            yield from window

    def predict(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        coverage: float | None = None,
        abstain_below: float | None = None,
        explain: bool = False,
    ) -> list[Prediction]:
        """One answer for each row of a table (a file, a DataFrame, a dict of columns, a list of rows), in order.

        coverage, abstain_below, explain : see `predict_windows`.
        """
        asked = {"coverage": coverage, "abstain_below": abstain_below}
        return list(self.predictions(source, image_root=image_root, **asked, explain=explain))

    def predict_proba(self, source: Any, *, image_root: str | Path | None = None) -> Floats:
        """Probabilities [N, C] of each row, classes in the order of `classes`.

        Raises UsageError where numbers are answered.
        """
        if not self.classes:
            raise UsageError(
                "this model answers with a number, not with probabilities of classes: call predict"
            )
        table = self.read(source, image_root=image_root)
        by_modality = cells(table, self.manifest.schema)
        parts = [
            self.probabilities(self.encode(table, rows, by_modality=by_modality))
            for rows in self._windows(len(table))
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)))

    def predict_windows(
        self,
        table: Table,
        *,
        coverage: float | None = None,
        abstain_below: float | None = None,
        explain: bool = False,
    ) -> Iterator[list[Prediction]]:
        """Answers in windows of rows, so that a long table is never held as features.

        coverage : 0.5 to 0.99: each answer gets the classes that hold the right one, or the interval that holds the
            number, in this share of rows like those held out in training, whatever their pattern.
        abstain_below : answers with less confidence are marked.
        explain : each answer gets what each modality of its row adds to its probability, to its number, or to the
            probability of each label that is given (`row_contributions`), at 2^M passes through the heads instead of
            one.
        Raises UsageError for a coverage out of range, or of a model that has no thresholds.
        """
        self._check_asked(coverage, abstain_below)
        by_modality = cells(table, self.manifest.schema)
        names = row_names(table, self.manifest.schema.id)
        noted: dict[int, list[str]] = {}
        for issue in table.issues:
            noted.setdefault(issue.row, []).append(f"{issue.column}: {issue.reason}")
        for rows in self._windows(len(table)):
            encoded = self.encode(table, rows, by_modality=by_modality)
            answers = self.probabilities(encoded)
            for issue in encoded.issues:
                noted.setdefault(issue.row, []).append(f"{issue.column}: {issue.reason}")
            patterns = row_patterns(encoded.present)
            told = self.told(answers, patterns, coverage=coverage)
            given = self.contributions(encoded, answers, told) if explain else None
            yield [
                Prediction(
                    id=names[row],
                    pattern=pattern,
                    issue="; ".join(dict.fromkeys(noted[int(row)])) if int(row) in noted else None,
                    abstain=None if abstain_below is None else bool(one["confidence"] < abstain_below),
                    contributions=None if given is None else given[i],
                    **one,
                )
                for i, (row, pattern, one) in enumerate(zip(rows, patterns, told, strict=True))
            ]

    def contributions(
        self, encoded: EncodedRows, answers: Floats, told: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Contribution]]:
        """What each modality of each row [N] adds to its answer, as its Prediction has it; answers [N, C], and what is
        told of them."""
        answered = self.target.explained(answers)
        values = row_contributions(
            lambda shown: self.probabilities(encoded, shown), encoded.present, answers, answered
        )
        return [
            {
                name: self.target.contribution(values[name][row], one)
                for name, have in encoded.present.items()
                if have[row]
            }
            for row, one in enumerate(told)
        ]

    def told(
        self, answers: Floats, patterns: Sequence[str], *, coverage: float | None = None
    ) -> list[dict[str, Any]]:
        """What a Prediction says of each answer [N, C]; each pattern has thresholds of its own."""
        made: list[dict[str, Any]] = [{}] * len(patterns)
        named = np.asarray(patterns)
        for pattern in np.unique(named):
            mine = np.flatnonzero(named == pattern)
            told = self.target.told(answers[mine], self.manifest.patterns[str(pattern)], coverage)
            for row, one in zip(mine, told, strict=True):
                made[row] = one
        return made

    def notes_on(self, patterns: Mapping[str, int]) -> list[str]:
        """What is to be said of so many rows of each pattern."""
        return pattern_notes(patterns, self.manifest.patterns)

    def evaluate(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        all_rows: bool = False,
        slices: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Measure the model on a labelled table, as `motet evaluate` does: the content of `evaluation.json`.

        Where the table has the split column that the model was trained with, only its test rows count, unless
        `all_rows`. slices : columns by whose values every metric is told too.
        """
        from motet.runtime.evaluate import evaluate

        return evaluate(self, self.read(source, image_root=image_root), all_rows=all_rows, slices=slices)

    def _windows(self, rows: int) -> Iterator[Rows]:
        size = TOKEN_WINDOW if self.token_sources else WINDOW
        return (np.arange(begin, min(begin + size, rows)) for begin in range(0, rows, size))

    def _check_asked(self, coverage: float | None, abstain_below: float | None) -> None:
        if abstain_below is not None and not self.target.confident:
            raise UsageError(
                "this model's answers have no one confidence to abstain by: leave --abstain-below out"
            )
        if coverage is None:
            return
        if not LEVELS[0] <= coverage <= LEVELS[-1]:
            raise UsageError(f"a coverage is from {LEVELS[0]} to {LEVELS[-1]}, not {coverage:g}")
        if not all(len(entry.thresholds) == len(LEVELS) for entry in self.manifest.patterns.values()):
            raise UsageError(
                "prediction sets are of one class a row, and this model gives labels: leave --coverage out"
                if self.target.kind == "labels"
                else f"{self.directory.path}: this model has no thresholds for prediction sets: train it again"
            )

    def _answer(self, entry: PatternEntry, pattern: str, encoded: EncodedRows, rows: Rows) -> Floats:
        modalities = frozenset(pattern.split("+"))
        logits = []
        for member in entry.members:
            head = self.head(member.head)
            shown = {name: self.manifest.sources[name].modality in modalities for name in head.sources}
            logits.append(head.run(encoded.tables, rows, shown))
        combined = tempered(entry, self.target.spread(np.stack(logits)))
        return self.target.answers(combined)
