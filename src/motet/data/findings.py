"""What an audit found, in words and in order of harm."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.classes import Labels
from motet.data.codes import repeated_codes
from motet.data.duplicates import WORDS
from motet.data.schema import Schema
from motet.data.splits import unfollowed_split
from motet.data.table import Table, gather

if TYPE_CHECKING:
    from motet.data.auditing import Audit

_LEVELS = ("error", "warning", "note")
_SAMPLE = 2_000  # rows looked at for labels that stand in the text
_SAID = 0.9  # share of rows whose text says the label, from which it is a warning
_TELLING = ("categorical", "numeric", "text")
_SHARED = 5  # rows that share a value on average, from which a column that tells the label is no accident
_IMBALANCE = 20  # rows of the largest class for one of the smallest


def warnings_of(
    audit: Audit,
    table: Table,
    schema: Schema,
    labels: Labels | None,
    sides: npt.NDArray[np.int8] | None,
    absence: Sequence[str],
    errors: list[str],
) -> list[dict[str, str]]:
    """Return {"level", "message"} for each finding: labels and leakage, then broken cells, then the rest.

    absence : what is present or absent according to the label (`missingness.telling_absence`).
    """
    found = [("error", message) for message in errors]
    found += _inputs(audit, schema)
    if labels is not None and sides is not None:
        found += _sides(labels, sides)
    unfollowed = unfollowed_split(table, schema)
    found += [("warning", unfollowed)] if unfollowed else []
    found += _leaks(audit)
    codes = repeated_codes(table, schema, sides)
    found += [("warning" if "two sides" in message else "note", message) for message in codes]
    if labels is not None:
        found += [("warning", message) for message in telling_columns(table, schema, labels)]
    found += [("warning", message) for message in absence]
    found += _conflicts(audit)
    found += _broken(audit)
    found += _classes(audit)
    if audit.patterns.get("none"):
        found.append(("warning", f"rows that hold nothing that can be read: {audit.patterns['none']:,}"))
    exact = audit.duplicates["exact"]
    if exact["groups"]:
        found.append(
            (
                "note",
                f"{_count(exact['rows'], 'row')} in {_count(exact['groups'], 'group')} of exact duplicates",
            )
        )
    if audit.repaired:
        found.append(
            ("note", f"{_count(len(audit.repaired), 'cell')} repaired while reading; each is listed")
        )
    found += [("note", note) for note in audit.notes]
    found.sort(key=lambda item: _LEVELS.index(item[0]))  # stable: the order of harm stays within a level
    return [{"level": level, "message": message} for level, message in found]


def _inputs(audit: Audit, schema: Schema) -> list[tuple[str, str]]:
    if not schema.modalities:
        message = (
            "no column of pictures, words, sounds or vectors was found: name them with --image, --text, --audio or "
            "--vector"
        )
        return [("error", message)]
    found = []
    for column in audit.columns:
        if column["role"] != "input" or column["present"]:
            continue
        if column["broken"]:
            reasons = sorted({i.reason for i in audit.broken if i.column == column["name"]})
            why = reasons[0] if len(reasons) == 1 else f"such as: {reasons[0]}" if reasons else ""
            what = f"all {column['broken']} cells are broken; {why}"
        else:
            what = "it is empty in every row"
        found.append(("error", f"input column {column['name']!r} holds nothing: {what}"))
    return found


def _sides(labels: Labels, sides: npt.NDArray[np.int8]) -> list[tuple[str, str]]:
    number = len(labels.classes)
    held = [
        np.bincount(labels.values[(sides == s) & (labels.values >= 0)], minlength=number) for s in range(3)
    ]
    if not held[0].any():
        return [("error", "the split column leaves no labelled row to train on")]
    untaught = [labels.classes[i] for i in np.flatnonzero((held[0] == 0) & (held[1] + held[2] > 0))]
    if untaught:
        return [("error", f"classes that are tested and never trained: {_names(untaught)}")]
    return []


def _leaks(audit: Audit) -> list[tuple[str, str]]:
    words = WORDS | {"exact": "exact duplicates"}
    return [
        (
            "warning",
            f"{_count(audit.duplicates[kind]['across_splits'], 'group')} of rows with {what} "
            "across train, validation and test: results will look better than they are",
        )
        for kind, what in words.items()
        if kind in audit.duplicates and audit.duplicates[kind]["across_splits"]
    ]


def telling_columns(table: Table, schema: Schema, labels: Labels) -> list[str]:
    """Say which input columns give the label away: words that nearly always say it, values that each go with one."""
    said = _said(table, schema, labels)
    found = list(said.values())
    rows = np.flatnonzero(labels.values >= 0)
    for column in schema.columns:
        if column.role == "input" and column.kind in _TELLING and column.name in table.columns:
            how = _tells(table, column.name, labels, rows)
            if how and column.name not in said:
                found.append(f"column {column.name!r} {how}: is it known beforehand?")
    return found


def _tells(table: Table, name: str, labels: Labels, rows: npt.NDArray[np.int64]) -> str:
    """How a column tells the label of the given rows exactly; empty where it does not, or where few share a value."""
    words = pc.utf8_trim_whitespace(text_of(pa.chunked_array([gather(table.column(name), rows)]), name)[0])
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, words.type), words).combine_chunks()
    values = words.dictionary_encode()
    filled = np.flatnonzero(words.is_valid().to_numpy(zero_copy_only=False))
    codes = values.indices.take(pa.array(filled)).to_numpy().astype(np.int64)
    known, distinct = labels.values[rows[filled]], len(values.dictionary)
    if distinct < 2 or len(filled) * 2 < len(rows) or distinct * _SHARED > len(filled):
        return ""
    pairs = np.unique(codes * len(labels.classes) + known)
    if len(pairs) > distinct:
        return ""
    names = [text.casefold() for text in values.dictionary.to_pylist()]
    same = all(
        names[pair // len(labels.classes)] == labels.classes[pair % len(labels.classes)].casefold()
        for pair in pairs.tolist()
    )
    return "equals the label" if same else "determines the label: each of its values goes with one class"


def _said(table: Table, schema: Schema, labels: Labels) -> dict[str, str]:
    """By column of words that nearly always says the label, so that it can be read off: a warning."""
    rows = np.flatnonzero(labels.values >= 0)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64))]
    wanted = [labels.classes[number].casefold() for number in labels.values[rows]]
    found = {}
    for name in schema.inputs("text"):
        if name not in table.columns:
            continue
        texts = gather(text_of(table.column(name), name)[0], rows).to_pylist()
        pairs = [(text.casefold(), label) for text, label in zip(texts, wanted, strict=True) if text]
        share = sum(label in text for text, label in pairs) / len(pairs) if pairs else 0.0
        if share >= _SAID and all(len(label) > 1 for label in wanted):
            found[name] = (
                f"column {name!r} says the label itself in {share:.0%} of rows: is it known beforehand?"
            )
    return found


def _conflicts(audit: Audit) -> list[tuple[str, str]]:
    return [
        (
            "warning" if kind == "exact" else "note",
            f"{_count(audit.duplicates[kind]['conflicting_labels'], 'group')} of {what}, different labels",
        )
        for kind, what in WORDS.items()
        if kind in audit.duplicates and audit.duplicates[kind]["conflicting_labels"]
    ]


def _broken(audit: Audit) -> list[tuple[str, str]]:
    return [
        (
            "warning",
            f"column {column['name']!r}: {_count(column['broken'], 'broken cell')} "
            f"({column['broken'] / audit.rows:.1%} of rows), treated as absent",
        )
        for column in sorted(audit.columns, key=lambda column: -int(column["broken"]))
        if column["broken"] and column["present"]
    ]


def _classes(audit: Audit) -> list[tuple[str, str]]:
    found = []
    if audit.unlabelled:
        without = f"{_count(audit.unlabelled, 'row')} without a label"
        found.append(("warning", f"{without}: left out of training, unless train --semi-supervised"))
    if audit.few:
        found.append(("warning", small_classes(list(audit.few))))
    found += [("warning", message) for message in alike_classes(audit.classes or {})]
    counts = list((audit.classes or {}).values())
    if counts and max(counts) > _IMBALANCE * min(counts):
        found.append(
            ("warning", f"imbalance: the largest class has {max(counts)} rows, the smallest {min(counts)}")
        )
    return found


def small_classes(few: list[str]) -> str:
    """Say which classes have under 5 rows."""
    return f"classes with under 5 rows: {_names(few)}"


def alike_classes(classes: Iterable[str]) -> list[str]:
    """Say which class names are one when case, width of letters and spaces are left out."""
    same: dict[str, list[str]] = {}
    for name in classes:
        bare = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        same.setdefault(bare, []).append(repr(name))
    return [
        f"classes that differ only in case or spaces are learned as several: {_names(names)}"
        for names in same.values()
        if len(names) > 1
    ]


def _names(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
