"""The label column becomes class numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of, trimmed
from motet.data.schema import Schema
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt
from motet.errors import TableError, UsageError

LabelType = Literal["string", "integer", "boolean", "float"]
TargetKind = Literal["class", "number", "labels"]
SEPARATOR = re.compile(r"[|;；]")  # of several labels in one cell
SEVERAL = "for any number of labels a row say --target labels (in Python multilabel=True)"
_LIST = r"(?s)^\[.*\]$"


@dataclass(frozen=True)
class Labels:
    """Labels of N rows.

    values  [N] int64: index into `classes`; -1 where the row has no label, -2 where its label is not a class. Where
            something else than one class is learned, numbers of strata that splits and folds keep in their shares.
    classes text of each class: in numeric order for numbers, false before true, else by code point.
    type    what the values were in the table ("1" in a CSV is a string).
    issues  rows whose label could not be read or is not one of the given classes.
    kind    what is learned: one class a row, a number, or any number of labels.
    notes   how cells were read, where they could be read otherwise.
    wanted  where it is not one class a row: numbers [N], NaN where there is none; or whether a row has each label
            [N, C], 0 or 1.
    """

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    type: LabelType = "string"
    issues: tuple[CellIssue, ...] = field(default=(), repr=False)
    kind: TargetKind = "class"
    wanted: npt.NDArray[np.floating] | None = None
    notes: tuple[str, ...] = ()

    @property
    def truth(self) -> npt.NDArray[Any]:
        """What heads learn, by row: class numbers [N], or `wanted`."""
        return self.values if self.wanted is None else self.wanted


def labels(table: Table, schema: Schema) -> Labels:
    """Number the classes of the label column; TableError where it is missing, empty, of one class, or of lists."""
    name = label_column(table, schema)
    words, issues, kind = _words(table, name)
    found = [value for value in pc.unique(words).to_pylist() if value is not None]
    if not found and issues:
        first = issues[0]
        raise TableError(
            f"label column {name!r} holds no class in any of its {len(table)} rows, but such as {first.value!r} in row "
            f"{first.row}: {first.reason}"
        )
    if not found:
        raise TableError(f"label column {name!r} is empty in all {len(table)} rows")
    if len(found) == 1:
        raise TableError(
            f"label column {name!r} is constant: every row that has a label says {excerpt(found[0])!r}; "
            "at least two classes are needed"
        )
    classes = sorted(found) if kind == "string" else sorted(found, key=_number)
    notes = _combinations(name, classes)
    return Labels(_index(words, classes), tuple(classes), kind, tuple(issues), notes=notes)


def encode_labels(table: Table, schema: Schema, classes: Sequence[str]) -> Labels:
    """Number the labels of a table by given classes: -2, and an issue, where a label is none of them.

    The same label may be written as a number or as text: 1, 1.0 and "1", or True and "true", are one. Raises TableError
    where the column is missing or holds lists.
    """
    name = label_column(table, schema)
    words, issues, kind = _words(table, name)
    values = _index(words, classes)
    odd = np.flatnonzero((values < 0) & words.is_valid().to_numpy())
    if len(odd):
        same = {_canonical(text): number for number, text in reversed(list(enumerate(classes)))}
        texts = words.take(pa.array(odd))
        known = {text: same.get(_canonical(text), -2) for text in pc.unique(texts).to_pylist()}
        values[odd] = [known[text] for text in texts.to_pylist()]
        reason = "this label is not one of the model's classes"
        unseen = odd[values[odd] == -2][:MAX_LISTED].tolist()
        issues = issues + [CellIssue(row, name, reason, excerpt(words[row].as_py())) for row in unseen]
    return Labels(values, tuple(classes), kind, tuple(issues))


def label_column(table: Table, schema: Schema) -> str:
    """Name of the label column; UsageError where none is named, TableError where the table has it not."""
    if schema.label is None:
        raise UsageError("no label column is named: say which column holds the classes (--label COLUMN)")
    if schema.label not in table.columns:
        raise TableError(
            f"{table.name} has no label column {schema.label!r}: it has {list(table.columns)[:30]}"
        )
    return schema.label


def _words(table: Table, name: str) -> tuple[pa.ChunkedArray, list[CellIssue], LabelType]:
    column = table.column(name)
    text, issues = text_of(column, name)
    text = trimmed(text)
    _refuse_lists(column, text, name)
    return text, issues, _type(column)


def _refuse_lists(column: pa.ChunkedArray, text: pa.ChunkedArray, name: str) -> None:
    """Raise TableError where each label is a list, as Arrow or as JSON has it."""
    lists = "list" in str(column.type) or (
        text.null_count < len(text) and pc.all(pc.match_substring_regex(text, _LIST)).as_py()
    )
    if lists:
        first = next((one for one in column if one.is_valid), None)
        told = f", such as {excerpt(first.as_py())!r}" if first is not None else ""
        raise TableError(f"label column {name!r} holds lists{told}, and one class a row is wanted: {SEVERAL}")


def _combinations(name: str, classes: Sequence[str]) -> tuple[str, ...]:
    """A note where classes look like several labels each: joined by a separator, from fewer names than classes."""
    joined = [one for one in classes if SEPARATOR.search(one)]
    names = {part.strip() for one in classes for part in SEPARATOR.split(one)}
    if not joined or len(names) >= len(classes):
        return ()
    return (
        f"label column {name!r}: {len(joined):,} of {len(classes):,} classes join names, such as "
        f"{excerpt(joined[0])!r}; each combination is one class; {SEVERAL}",
    )


def _type(column: pa.ChunkedArray) -> LabelType:
    if pa.types.is_boolean(column.type):
        return "boolean"
    if pa.types.is_integer(column.type):
        return "integer"
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        # pandas makes whole numbers floating as soon as one of them is missing
        whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
        return "integer" if whole is not False else "float"
    return "string"


def _index(words: pa.ChunkedArray, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    found = pc.index_in(words, value_set=pa.array(list(classes), words.type))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def _number(text: str) -> tuple[float, str]:
    return (float(text) if text not in ("true", "false") else float(text == "true")), text


def _canonical(text: str) -> object:
    folded = text.casefold()
    if folded in ("true", "false"):
        return folded
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) and "_" not in text else text
