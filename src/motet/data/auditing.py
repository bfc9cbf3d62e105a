"""What is wrong with a table before anything is trained on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data.classes import Labels, TargetKind, labels
from motet.data.decimal_marks import reading_notes
from motet.data.decoding import WAYS, Decoded, decode_all
from motet.data.duplicates import NearInSpace, content_numbers, groups_of, normalised_digests, number_rows
from motet.data.findings import warnings_of
from motet.data.media_cells import MediaCells
from motet.data.missingness import filled_cells, input_presence, telling_absence
from motet.data.modalities import Cells, cells
from motet.data.schema import Schema, pattern_name
from motet.data.splits import NAMES, split_sides
from motet.data.table import CellIssue, Table
from motet.data.targets import label_notes, read_target
from motet.data.text_cells import TextCells
from motet.data.vector_cells import VectorCells
from motet.errors import TableError

Rows = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint8]
FEW = 5  # rows below which a class is listed
_LISTED = 2_000  # broken cells in the JSON; all are counted
_EXAMPLES = 10


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    columns     one dictionary a column: name, kind, role, modality, why, and rows present, absent, broken.
    classes     rows of each class, most first; unlabelled: rows without a label.
    splits      rows of each side, where the schema has a split column.
    patterns    rows that have exactly these modalities.
    broken      cells that cannot be used; repaired: cells that were changed and are used.
    duplicates  "exact", "near_image", "near_audio", "near_text" and, where a model compared, "near_space": groups and
                rows, groups across splits and with conflicting labels (None where there is no such column), and
                examples of row numbers.
    warnings    {"level": "error" | "warning" | "note", "message"}, most harmful first.
    """

    rows: int
    columns: list[dict[str, Any]]
    classes: dict[str, int] | None
    unlabelled: int
    splits: dict[str, int] | None
    patterns: dict[str, int]
    broken: list[CellIssue] = field(repr=False)
    repaired: list[CellIssue] = field(repr=False)
    duplicates: dict[str, dict[str, Any]] = field(repr=False)
    notes: list[str]
    warnings: list[dict[str, str]]

    @property
    def few(self) -> dict[str, int]:
        """Classes with under 5 rows."""
        return {name: count for name, count in (self.classes or {}).items() if count < FEW}

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON data; at most 2,000 cells are listed, all are counted."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "classes": self.classes,
            "unlabelled": self.unlabelled,
            "few": self.few,
            "splits": self.splits,
            "patterns": self.patterns,
            "broken": {
                "count": sum(int(column["broken"]) for column in self.columns),
                "cells": [issue.to_json() for issue in self.broken[:_LISTED]],
            },
            "repaired": {
                "count": len(self.repaired),
                "cells": [issue.to_json() for issue in self.repaired[:_LISTED]],
            },
            "duplicates": self.duplicates,
            "notes": self.notes,
            "warnings": self.warnings,
        }


def audit(
    table: Table,
    schema: Schema,
    *,
    decode: bool = True,
    target: TargetKind = "class",
    near: NearInSpace | None = None,
) -> Audit:
    """Count what is present, absent and broken, find duplicates, and warn in order of harm.

    With `decode` every picture and every sound is decoded once; without it broken ones and look-alikes are not
    known. target : what the label column holds; only classes are counted and compared. near : rows that a model puts
    at nearly the same place, counted as "near_space".
    Problems of labels and splits are warnings here, never exceptions.
    """
    errors: list[str] = []
    unread: list[str] = []
    made = cells(table, schema)
    decoded = {
        modality: decode_all(one, WAYS[modality])
        for modality, one in made.items()
        if decode and isinstance(one, MediaCells)
    }
    issues = [*table.issues, *(issue for one in made.values() for issue in one.issues)]
    issues += [issue for one in decoded.values() for issue in one.issues]
    digests = {modality: one.digests for modality, one in decoded.items()}
    issues += [issue for one in made.values() for issue in _odd_widths(one)]
    read = _labels(table, schema, target, errors, unread)
    found = read if target == "class" else None
    sides = _sides(table, schema, errors)
    broken = sorted((issue for issue in issues if issue.broken), key=lambda issue: issue.row)
    presence = _presence(made, digests)
    content, note = _content(table, schema, made, digests)
    notes = [*table.notes, *reading_notes(table, schema.numbers), *unread, *([note] if note else [])]
    notes += [near.note] if near else []
    notes += [
        f"{one.crowd} {WAYS[modality].things} with nearly the same outline were not compared with each other"
        for modality, one in decoded.items()
        if one.crowd
    ]
    audited = Audit(
        rows=len(table),
        columns=_columns(table, schema, broken),
        classes=_balance(found) if found else None,
        unlabelled=int((found.values == -1).sum()) if found else 0,
        splits=None if sides is None else {n: int((sides == i).sum()) for i, n in enumerate(NAMES)},
        patterns=_patterns(presence, len(table)),
        broken=broken,
        repaired=sorted((issue for issue in issues if not issue.broken), key=lambda issue: issue.row),
        duplicates=_duplicates(made, content, decoded, near, found, sides),
        notes=notes,
        warnings=[],
    )
    rows = np.arange(len(table))
    there = input_presence(table, schema, rows, presence, broken)
    absence = [] if read is None else telling_absence(there, read, rows)
    return replace(audited, warnings=warnings_of(audited, table, schema, found, sides, absence, errors))


def _labels(
    table: Table, schema: Schema, target: TargetKind, errors: list[str], notes: list[str]
) -> Labels | None:
    if schema.label is None:
        return None
    try:
        found = labels(table, schema) if target == "class" else read_target(table, schema, target)
    except TableError as error:
        errors.append(str(error))
        return None
    notes += label_notes(found, schema.label)
    return found


def _sides(table: Table, schema: Schema, errors: list[str]) -> npt.NDArray[np.int8] | None:
    if schema.split is None:
        return None
    try:
        return split_sides(table, schema.split)
    except TableError as error:
        errors.append(str(error))
        return None


def _columns(table: Table, schema: Schema, broken: list[CellIssue]) -> list[dict[str, Any]]:
    """Count the cells of each column; a broken cell is neither present nor absent."""
    made = []
    for column in schema.columns:
        if column.name not in table.columns:
            continue
        filled = filled_cells(table, column)
        wrong = np.unique(np.array([i.row for i in broken if i.column == column.name], np.int64))
        filled[wrong] = False
        present = int(filled.sum())
        made.append(
            asdict(column)
            | {"present": present, "absent": len(table) - present - len(wrong), "broken": len(wrong)}
        )
    return made


def _balance(found: Labels) -> dict[str, int]:
    counts = np.bincount(found.values[found.values >= 0], minlength=len(found.classes))
    order = sorted(range(len(counts)), key=lambda number: (-counts[number], found.classes[number]))
    return {found.classes[number]: int(counts[number]) for number in order}


def _odd_widths(one: Cells) -> list[CellIssue]:
    """Vectors that are not as wide as most are broken."""
    return one.of_width(np.arange(len(one)), one.width)[1] if isinstance(one, VectorCells) else []


def _presence(made: dict[str, Cells], digests: dict[str, Digests]) -> dict[str, npt.NDArray[np.bool_]]:
    presence: dict[str, npt.NDArray[np.bool_]] = {}
    for modality, one in made.items():
        presence[modality] = one.present
        if modality in digests:
            presence[modality] = np.asarray(digests[modality].any(axis=1), bool)
        elif isinstance(one, VectorCells):
            presence[modality] = one.of_width(np.arange(len(one)), one.width)[0]
    return presence


def _patterns(presence: dict[str, npt.NDArray[np.bool_]], rows: int) -> dict[str, int]:
    code = np.zeros(rows, np.int64)
    for position, present in enumerate(presence.values()):
        code |= present.astype(np.int64) << position
    counts = {
        pattern_name(name for position, name in enumerate(presence) if value >> position & 1): int(count)
        for value, count in zip(*np.unique(code, return_counts=True), strict=True)
    }
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _content(
    table: Table, schema: Schema, made: dict[str, Cells], digests: dict[str, Digests]
) -> tuple[Rows, str]:
    rows = np.arange(len(table), dtype=np.int64)
    if any(isinstance(one, MediaCells) and modality not in digests for modality, one in made.items()):
        return content_numbers(table, schema, rows)
    parts = [
        digests[modality]
        if modality in digests
        else np.where(one.present[:, None], one.digests(rows), 0).astype(np.uint8)
        for modality, one in made.items()
    ]
    return number_rows(np.concatenate(parts or [np.zeros((len(rows), 1), np.uint8)], axis=1)), ""


def _duplicates(
    made: dict[str, Cells],
    content: Rows,
    decoded: dict[str, Decoded],
    near: NearInSpace | None,
    found: Labels | None,
    sides: npt.NDArray[np.int8] | None,
) -> dict[str, dict[str, Any]]:
    rows = np.arange(len(content), dtype=np.int64)
    kinds = {"exact": groups_of(content, rows)}
    for modality, one in decoded.items():
        if len(one.rows):
            alike = groups_of(one.alike, np.arange(len(one.rows)))
            kinds[f"near_{modality}"] = _more_than_one(alike, one.exact, one.rows)
    if near:
        kinds["near_space"] = near.groups
    text = made.get("text")
    if isinstance(text, TextCells):
        kinds["near_text"] = near_texts(text)
    return {kind: _counted(groups, found, sides) for kind, groups in kinds.items()}


def near_texts(text: TextCells) -> list[Rows]:
    """Row numbers of each set of texts that are one but for case, punctuation and space, and not copies of one."""
    filled = np.flatnonzero(text.present).astype(np.int64)
    exact = number_rows(text.digests(filled))
    near = np.concatenate(
        [
            normalised_digests(text.take(filled[start : start + (1 << 16)]))
            for start in range(0, len(filled), 1 << 16)
        ]
        or [np.zeros((0, 16), np.uint8)]
    )
    return _more_than_one(groups_of(number_rows(near), np.arange(len(filled))), exact, filled)


def _more_than_one(groups: list[Rows], exact: Rows, rows: Rows) -> list[Rows]:
    """Keep the groups that hold something else than copies of one, as row numbers."""
    return [np.unique(rows[group]) for group in groups if len(np.unique(exact[group])) > 1]


def _counted(groups: list[Rows], found: Labels | None, sides: npt.NDArray[np.int8] | None) -> dict[str, Any]:
    across = [g for g in groups if sides is not None and len(np.unique(sides[g])) > 1]
    conflicting = [
        g for g in groups if found is not None and len(np.unique(found.values[g][found.values[g] >= 0])) > 1
    ]
    first = conflicting + across + groups
    shown = list({int(group[0]): group[:20].tolist() for group in first}.values())[:_EXAMPLES]
    return {
        "groups": len(groups),
        "rows": int(sum(map(len, groups))),
        "across_splits": None if sides is None else len(across),
        "conflicting_labels": None if found is None else len(conflicting),
        "examples": shown,
    }
