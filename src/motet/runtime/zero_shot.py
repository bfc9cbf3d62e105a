"""Zero-shot: classes that no training row named, told by sentences about them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, Table, TextCells, row_ids
from motet.errors import UsageError
from motet.model import Manifest
from motet.runtime.combination import log_softmax
from motet.runtime.known_classes import LEAST_KNOWN, class_numbers, known_rows, said_instead
from motet.runtime.match_model import WINDOW, MatchModel
from motet.runtime.prediction import Prediction
from motet.runtime.provenance import trained_on
from motet.runtime.table_notes import column_notes
from motet.runtime.temperature import fit_temperature

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
PLACE = "{}"  # where a template holds the class
NOTHING = "none"


@dataclass(frozen=True)
class Shown:
    """n rows in the space: vectors [n, W] of what each has, which pattern that is, and what was wrong with cells."""

    vectors: Floats
    patterns: list[str]
    issues: dict[int, list[str]]


class ZeroShot:
    """Classes as vectors of a space: the mean over templates of the class's sentences, made unit again.

    Source: Radford et al., arXiv 2103.00020, sec. 3.1.4 (prompt ensembles). A row's answer is the softmax of
    `scale * cosine`; a row that has a picture and words is compared by the mean of their vectors.

    Parameters
    ----------
    labels : names of the classes, at least two, none twice. templates : sentences with `{}` where the class goes, as
        "a photo of a {}" or "一张{}的照片"; default the name alone. Other braces are refused.
    scale : how sure a cosine is; default what training found.
    """

    def __init__(
        self,
        model: MatchModel,
        labels: Sequence[str],
        templates: Sequence[str] = (PLACE,),
        *,
        scale: float | None = None,
    ) -> None:
        self.model = model
        self.classes = tuple(label.strip() for label in labels)
        self.templates = tuple(templates)
        self.scale = model.space.scale if scale is None else scale
        self.calibration = "no labelled row of these classes was seen (evaluate --label measures)"
        self.calibrated_on = 0  # rows
        self._label: str | None = None
        _refuse_labels(self.classes)
        for template in self.templates:
            _refuse_template(template)
        said = [template.replace(PLACE, label) for label in self.classes for template in self.templates]
        each = model.embed_texts(said).vectors.reshape(len(self.classes), len(self.templates), -1)
        mean = each.mean(axis=1)
        self.class_vectors: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the model that it asks."""
        return self.model.manifest

    def read(self, source: Any, *, image_root: str | Path | None = None) -> Table:
        """Read a table as the model's schema has it; TableError where none of its columns is there."""
        table = self.model.read(source, image_root=image_root)
        said = column_notes(table, self.manifest.schema, also_read=(self._label,))
        notes = [note for note in said if note not in table.notes]
        return Table(table.data, table.root, table.name, (*table.notes, *notes), table.issues)

    def calibrated(self, source: Any, label: str, *, image_root: str | Path | None = None) -> ZeroShot:
        """The same classes, with confidences calibrated on rows of a table whose class is known, by a temperature.

        label : the column that says each row's class. Rows count that have one of the classes and something that the
            model reads. Where the table has the split column that the model was trained with, test rows are left out,
            and training rows too, unless the validation rows are too few; of many, an even sample counts. Where under
            20 rows are left, nothing changes: `calibration` says why, and so does a note of `notes_on`.

        Raises UsageError for a column that is not there.
        """
        table = source if isinstance(source, Table) else self.model.read(source, image_root=image_root)
        truth = class_numbers(table, label, self.classes)
        made = copy.copy(self)
        made._label = label
        found, which = known_rows(table, truth, self.manifest.schema.split)
        shown = self.shown(table, found)
        have = np.array([pattern != NOTHING for pattern in shown.patterns], bool)
        rows, logits = found[have], self.logits(shown.vectors[have])
        count = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
        if len(rows) < LEAST_KNOWN:
            made.calibration = (
                f"{count} of {table.name}{which} {'has' if len(rows) == 1 else 'have'} one of these classes in column "
                f"{label!r}, and {LEAST_KNOWN} are needed{'' if (truth >= 0).any() else said_instead(table, label)}"
            )
            return made
        temperature = fit_temperature(logits, truth[rows])
        made.scale, made.calibrated_on = self.scale / temperature, len(rows)
        made.calibration = f"on {count} of {table.name}{which} whose class column {label!r} says"
        if not which and trained_on(self.manifest, table):
            made.calibration += "; they trained the model, so that it is surer of them than of others"
        return made

    def notes_on(self, patterns: Mapping[str, int]) -> list[str]:
        """What is to be said of so many rows of each pattern, and of how sure the answers are."""
        nothing = patterns.get(NOTHING, 0)
        has = "1 row has" if nothing == 1 else f"{nothing:,} rows have"
        sure = "calibrated " if self.calibrated_on else "not calibrated: "
        notes = [f"confidences are {sure}{self.calibration}"]
        return notes + ([f"{has} nothing that the model reads: every class is as likely"] if nothing else [])

    def predict(self, source: Any, *, image_root: str | Path | None = None, **asked: Any) -> list[Prediction]:
        """One answer for each row of a table, in order; see `predict_windows`."""
        table = self.read(source, image_root=image_root)
        return [one for window in self.predict_windows(table, **asked) for one in window]

    def logits(self, vectors: Floats) -> Floats:
        """[n, C] of vectors [n, W]."""
        return self.scale * vectors @ self.class_vectors.T

    def shown(self, table: Table, rows: Rows) -> Shown:
        """What the given rows of a table have, in the space: pictures and words in the columns that the model knows."""
        schema = self.model.manifest.schema
        pictures = self.model.embed_images(ImageCells(table, schema.inputs("image")), rows)
        total = pictures.vectors.copy()
        spoken = np.zeros(len(rows), bool)
        issues = list(pictures.issues)
        words = np.zeros_like(total)
        for name in schema.inputs("text"):
            made = self.model.embed_texts(TextCells(table, [name]), rows)
            words += made.vectors
            spoken |= made.present
            issues += made.issues
        total += words / np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1e-12)
        total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
        patterns = [
            "+".join(name for name, have in (("image", seen), ("text", said)) if have) or NOTHING
            for seen, said in zip(pictures.present, spoken, strict=True)
        ]
        mine = set(rows.tolist())
        noted: dict[int, list[str]] = {}
        for issue in (*table.issues, *issues):
            if issue.row in mine:
                noted.setdefault(issue.row, []).append(f"{issue.column}: {issue.reason}")
        return Shown(total, patterns, noted)

    def predict_windows(
        self,
        table: Table,
        *,
        coverage: float | None = None,
        abstain_below: float | None = None,
        explain: bool = False,
    ) -> Iterator[list[Prediction]]:
        """One answer for each row of a table, in order, in windows; a row that has nothing gets even chances.

        abstain_below : answers with less confidence are marked. Raises UsageError for a coverage or an explanation:
        both need rows that were held out in training.
        """
        if coverage is not None or explain:
            raise UsageError(
                "zero-shot has no held-out rows to learn from: leave --coverage and --explain out"
            )
        schema = self.model.manifest.schema
        named = schema.id is not None and schema.id in table.columns
        for begin in range(0, len(table), WINDOW):
            rows = np.arange(begin, min(begin + WINDOW, len(table)))
            ids: Sequence[Any] = row_ids(table, str(schema.id), rows) if named else rows.tolist()
            shown = self.shown(table, rows)
            probabilities = np.exp(log_softmax(self.logits(shown.vectors)))
            yield [
                Prediction(
                    id=row if name is None else name,
                    prediction=self.classes[int(p.argmax())],
                    confidence=float(p.max()),
                    pattern=pattern,
                    probabilities=dict(zip(self.classes, map(float, p), strict=True)),
                    abstain=None if abstain_below is None else bool(p.max() < abstain_below),
                    issue="; ".join(dict.fromkeys(shown.issues[row])) if row in shown.issues else None,
                )
                for row, name, pattern, p in zip(
                    rows.tolist(), ids, shown.patterns, probabilities, strict=True
                )
            ]


def read_labels(said: str) -> tuple[str, ...]:
    """The classes of `--labels`: names separated by commas, or a file (`@classes.txt`) with one a line."""
    if not said.startswith("@"):
        names = tuple(name.strip() for name in said.replace("，", ",").split(",") if name.strip())
        if len(names) == 1 and _is_file(names[0]):
            raise UsageError(f"--labels {said} is one label, and a file: for the classes in it write @{said}")
        return names
    try:
        with Path(said[1:]).open(encoding="utf-8-sig") as file:
            return tuple(line.strip() for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--labels {said}: the file cannot be read: {error}") from error


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return False


def _refuse_template(template: str) -> None:
    if PLACE not in template:
        raise UsageError(f"template {template!r} does not say where the class goes: write {PLACE} there")
    if set(template.replace(PLACE, "")) & set("{}"):
        raise UsageError(
            f"template {template!r} has a brace beside {PLACE}: the class goes where {PLACE} is, and nothing else is "
            "filled in"
        )


def _refuse_labels(labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise UsageError(f"zero-shot chooses between classes: give at least two labels, not {len(labels)}")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice or "" in labels:
        raise UsageError(f"label {twice[0]!r} is given twice" if twice else "a label is empty")
