"""What each column is for: kind, role and modality, as the caller names them or as they look (`guessing.py`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.classes import TargetKind
from motet.data.decimal_marks import column_reading
from motet.data.guessing import A_NUMBER, ADDRESS, ADDRESS_START, EMPTY, Guess, guess_column
from motet.data.schema import MAX_MODALITIES, Column, Kind, Mark, Role, Schema, modality_of
from motet.data.table import Table, gather, missing_column
from motet.data.vector_cells import VectorCells
from motet.errors import TableError, UsageError

SAMPLE = 5_000  # rows looked at, evenly spaced
_FRACTION = re.compile(r"[.,]\d*[1-9]")


def was_empty(column: Column) -> bool:
    """Whether a column of an inferred schema was left out because no row had anything in it."""
    return column.role == "ignored" and column.why.startswith(EMPTY)


def infer_schema(
    table: Table,
    *,
    label: str | None = None,
    image: Sequence[str] = (),
    text: Sequence[str] = (),
    audio: Sequence[str] = (),
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    vector: Sequence[str] = (),
    question: Sequence[str] = (),
    answer: Sequence[str] = (),
    split: str | None = None,
    group: str | None = None,
    id: str | None = None,
    weight: str | None = None,
    target: TargetKind = "class",
) -> Schema:
    """Tell the kind and role of each column; what the caller names is taken as said.

    question, answer : columns of words that ask about the row, and of reference answers.

    Once any input column is named, only named ones are inputs. Otherwise pictures, words, sounds and vectors are
    found by looking at up to 5,000 evenly spaced rows; numbers and categories are inputs only when named. Raises
    UsageError for a name that is not there or has two roles, for a label that is a quantity, for a vector column
    called like a modality, and for more than 6 modalities; TableError for pictures or sounds that are web
    addresses. target : what the label column holds; a quantity is refused where classes or labels are wanted.
    """
    named: dict[str, tuple[Kind, Role]] = {}
    for kind, names in (
        ("image", image),
        ("text", text),
        ("audio", audio),
        ("numeric", numeric),
        ("categorical", categorical),
        ("vector", vector),
    ):
        for name in names:
            _claim(table, named, name, kind, "input")  # type: ignore[arg-type]
    for name in question:
        _claim(table, named, name, "text", "question")
    explicit = bool(named)
    roles: tuple[tuple[Role, str | None], ...] = (
        ("label", label),
        ("split", split),
        ("group", group),
        ("id", id),
        ("weight", weight),
    )
    for name in answer:
        _claim(table, named, name, "other", "answer")
    for role, one in roles:
        if one is not None:
            _claim(table, named, one, "other", role)
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64))
    taken = {role for _, role in named.values()}
    columns = []
    for name in table.columns:
        guess = guess_column(table, name, rows)
        if name in named:
            kind, role = named[name]
            columns.append(_said(table, name, kind, role, guess, target))
            continue
        column = _found(name, guess, explicit, taken)
        if column.role in ("id", "split"):
            taken.add(column.role)
        columns.append(column)
    return _bounded(Schema(tuple(columns)), explicit)


def _claim(table: Table, named: dict[str, tuple[Kind, Role]], name: str, kind: Kind, role: Role) -> None:
    if name not in table.columns:
        raise UsageError(missing_column(name, table.columns, table.name))
    if name in named and named[name] != (kind, role):
        other = named[name][1] if named[name][1] != "input" else f"{named[name][0]} input"
        mine = role if role != "input" else f"{kind} input"
        raise UsageError(f"column {name!r} is named as {other} and as {mine}: it can be one of them")
    named[name] = (kind, role)


def _bounded(schema: Schema, explicit: bool) -> Schema:
    """Keep the schema to so many modalities as patterns can be made of: vectors that were found make way."""
    modalities = schema.modalities
    if len(modalities) <= MAX_MODALITIES:
        return schema
    if explicit:
        raise UsageError(
            f"{len(modalities)} modalities are named ({', '.join(modalities)}), at most {MAX_MODALITIES} can be "
            "used together: join vector columns, or leave some out"
        )
    dropped = modalities[MAX_MODALITIES:]
    why = f"beyond the {MAX_MODALITIES} modalities that can be used together; name the columns that matter"
    return Schema(
        tuple(
            Column(c.name, c.kind, "ignored", None, f"{c.why}; {why}") if c.modality in dropped else c
            for c in schema.columns
        )
    )


def _said(table: Table, name: str, kind: Kind, role: Role, guess: Guess, target: TargetKind) -> Column:
    if role == "input":
        if kind in ("image", "audio"):
            _refuse_addresses(table, name, "picture" if kind == "image" else "sound")
        if kind == "vector":
            _refuse_no_vector(table, name)
        mark = _sure_mark(table, name) if kind == "numeric" else None
        return Column(name, kind, role, modality_of(kind, name), "named", mark)
    if role == "question":
        return Column(name, kind, role, "text", "named")
    if role == "label" and target != "number":
        _refuse_quantity(table, name, "a class" if target == "class" else "a list of labels")
    mark = _sure_mark(table, name) if role == "label" and target == "number" else None
    return Column(name, guess.kind, role, None, f"named; {guess.why}", mark)


def _sure_mark(table: Table, name: str) -> Mark | None:
    """What marks decimals, where cells say it: what was only taken for likely may be told better by later tables."""
    reading = column_reading(table.column(name), name)
    return reading.mark if reading.sure else None


def _found(name: str, guess: Guess, explicit: bool, taken: set[Role]) -> Column:
    if guess.role is not None and guess.role not in taken:
        return Column(name, guess.kind, guess.role, None, guess.why)
    if explicit:
        return Column(name, guess.kind, "ignored", None, f"{guess.why}; not among the named inputs")
    if guess.kind in ("image", "text", "audio", "vector") and guess.usable:
        try:
            return Column(name, guess.kind, "input", modality_of(guess.kind, name), guess.why)
        except UsageError as error:
            return Column(name, guess.kind, "ignored", None, f"{guess.why}; {error}")
    if guess.kind in ("numeric", "categorical"):
        return Column(
            name, guess.kind, "ignored", None, f"{guess.why}; read only when named (--{guess.kind})"
        )
    return Column(name, guess.kind, "ignored", None, guess.why)


def _refuse_addresses(table: Table, name: str, thing: str) -> None:
    column = table.column(name)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    filled = pc.sum(pc.greater(pc.binary_length(column), 0)).as_py() or 0
    # one look at the first cell spares the whole column
    first = next((value for value in column.slice(0, 100).to_pylist() if value), "")
    if not filled or not ADDRESS.match(first):
        return
    addresses = pc.sum(pc.match_substring_regex(column, "(?i)" + ADDRESS_START)).as_py()
    if addresses == filled:
        raise TableError(
            f"column {name!r}: every {thing} is a web address ({first[:60]}); nothing is fetched: download "
            f"the {thing}s and put their paths, relative to the table or to --image-root, in the column"
        )


def _refuse_no_vector(table: Table, name: str) -> None:
    """Raise UsageError where not one cell that is looked at is a list of numbers, though some are filled."""
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64))
    some = VectorCells(Table(pa.table({name: gather(table.column(name), rows)})), name)
    if some.broken and not some.present.any():
        issue = some.issues[0]
        raise UsageError(
            f"column {name!r} holds no vector, such as {issue.value!r}: {issue.reason}; a vector is a list of "
            "numbers, in CSV written as [0.5, 1, -2]"
        )


def _refuse_quantity(table: Table, name: str, wanted: str) -> None:
    """A label with very many different numbers is a quantity, which needs regression."""
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64))
    text, _ = text_of(pa.chunked_array([gather(table.column(name), rows)]), name)
    values = [value for value in pc.utf8_trim_whitespace(text).to_pylist() if value]
    if not values or not all(A_NUMBER.match(value) for value in values):
        return
    distinct = len(set(values))
    fractions = any(_FRACTION.search(value) for value in values)
    if distinct > (max(20, 0.05 * len(values)) if fractions else max(30, 0.5 * len(values))):
        raise UsageError(
            f"label column {name!r} holds {distinct} different numbers in {len(values)} rows: it looks like a "
            f"quantity, not {wanted}; learn the number itself with --target number (in Python MultimodalRegressor), or "
            "make classes of it (such as low, middle, high)"
        )
