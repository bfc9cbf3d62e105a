"""What each column holds, told from a bounded sample of its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import is_bytes_type, text_of
from motet.data.image_cells import is_picture_type
from motet.data.media import resolve_media
from motet.data.schema import MODALITY_OF_KIND, Column, Kind, Role, Schema
from motet.data.table import Table, gather, missing_column
from motet.data.tabular_cells import NO_NUMBER, NUMBER, THOUSANDS
from motet.errors import MediaError, TableError, UsageError

SAMPLE = 5_000  # rows looked at, evenly spaced
SIDES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|svg|psd|heic|avif)$", re.IGNORECASE)
_SOUND = re.compile(r"\.(wav|mp3|flac|ogg|m4a)$", re.IGNORECASE)
_ADDRESS_START = r"^\s*(https?|ftp|s3|gs):/"  # one slash: a path library has taken the other away
_ADDRESS = re.compile(_ADDRESS_START, re.IGNORECASE)
_NUMBER = re.compile(f"{NUMBER}|{THOUSANDS}")
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{4}$")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f]")
_SEPARATOR = re.compile(r"[\s|,;/]+")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_NAMES_A_ROW = re.compile(r"^(id|uid|uuid|guid|key|index|sku|unnamed_0)$|[_ -]id$|Id$", re.IGNORECASE)
SPLIT_NAMES = ("split", "fold", "subset", "set", "partition")


@dataclass(frozen=True)
class _Guess:
    kind: Kind
    why: str
    role: Role | None = None  # a role that the values themselves tell: id, split


def infer_schema(
    table: Table,
    *,
    label: str | None = None,
    image: Sequence[str] = (),
    text: Sequence[str] = (),
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    split: str | None = None,
    group: str | None = None,
    id: str | None = None,
) -> Schema:
    """Tell the kind and role of each column; what the caller names is taken as said.

    Once any input column is named, only named ones are inputs. Otherwise pictures and words are found by
    looking at up to 5,000 evenly spaced rows; numbers and categories are inputs only when named. Raises
    UsageError for a name that is not there or has two roles and for a label that is a quantity, TableError
    for pictures that are web addresses.
    """
    named: dict[str, tuple[Kind, Role]] = {}
    for kind, names in (
        ("image", image),
        ("text", text),
        ("numeric", numeric),
        ("categorical", categorical),
    ):
        for name in names:
            _claim(table, named, name, kind, "input")  # type: ignore[arg-type]
    explicit = bool(named)
    roles: tuple[tuple[Role, str | None], ...] = (
        ("label", label),
        ("split", split),
        ("group", group),
        ("id", id),
    )
    for role, one in roles:
        if one is not None:
            _claim(table, named, one, "other", role)
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64))
    taken = {role for _, role in named.values()}
    columns = []
    for name in table.columns:
        guess = _guess(table, name, rows)
        if name in named:
            kind, role = named[name]
            columns.append(_said(table, name, kind, role, guess))
            continue
        column = _found(name, guess, explicit, taken)
        if column.role in ("id", "split"):
            taken.add(column.role)
        columns.append(column)
    return Schema(tuple(columns))


def _claim(table: Table, named: dict[str, tuple[Kind, Role]], name: str, kind: Kind, role: Role) -> None:
    if name not in table.columns:
        raise UsageError(missing_column(name, table.columns, table.name))
    if name in named and named[name] != (kind, role):
        other = named[name][1] if named[name][1] != "input" else f"{named[name][0]} input"
        mine = role if role != "input" else f"{kind} input"
        raise UsageError(f"column {name!r} is named as {other} and as {mine}: it can be one of them")
    named[name] = (kind, role)


def _said(table: Table, name: str, kind: Kind, role: Role, guess: _Guess) -> Column:
    if role == "input":
        if kind == "image":
            _refuse_addresses(table, name)
        return Column(name, kind, role, MODALITY_OF_KIND[kind], "named")
    if role == "label":
        _refuse_quantity(table, name)
    return Column(name, guess.kind, role, None, f"named; {guess.why}")


def _found(name: str, guess: _Guess, explicit: bool, taken: set[Role]) -> Column:
    if guess.role is not None and guess.role not in taken:
        return Column(name, guess.kind, guess.role, None, guess.why)
    if explicit:
        return Column(name, guess.kind, "ignored", None, f"{guess.why}; not among the named inputs")
    if guess.kind in ("image", "text"):
        return Column(name, guess.kind, "input", guess.kind, guess.why)
    if guess.kind in ("numeric", "categorical"):
        return Column(
            name, guess.kind, "ignored", None, f"{guess.why}; read only when named (--{guess.kind})"
        )
    if guess.kind in ("audio", "vector"):
        return Column(name, guess.kind, "ignored", None, f"{guess.why}; not read by this version")
    return Column(name, guess.kind, "ignored", None, guess.why)


def _guess(table: Table, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Guess:
    column = table.column(name)
    kind = column.type
    if is_bytes_type(kind) or pa.types.is_struct(kind):
        return _guess_bytes(column, rows)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type):
            return _Guess("vector", "lists of numbers")
        return _Guess("other", "lists")
    if pa.types.is_temporal(kind):
        return _Guess("other", "dates or times")
    text, _ = text_of(pa.chunked_array([gather(column, rows)]), name)
    values = [value for value in pc.utf8_trim_whitespace(text).to_pylist() if value]
    if not values:
        return _Guess("other", f"empty in all {_rows(rows, table)}")
    if pa.types.is_boolean(kind):
        return _Guess("categorical", "true or false")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _guess_numbers(name, values)
    return _guess_words(table, name, values, _rows(rows, table))


def _rows(rows: np.ndarray[tuple[int], np.dtype[np.int64]], table: Table) -> str:
    return f"{len(rows)} rows" if len(rows) == len(table) else f"{len(rows)} sampled rows"


def _guess_bytes(column: pa.ChunkedArray, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Guess:
    if not is_picture_type(column.type):
        return _Guess("other", "structures")
    # whole pictures are copied: a few tell enough
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), 32)).astype(np.int64)]
    values = [value for value in gather(column, few).to_pylist() if value]
    if values and isinstance(values[0], dict):
        return _Guess("image", "pictures of the datasets library (bytes or path)")
    if any(value.startswith(_MAGIC) or value[8:12] == b"WEBP" for value in values):
        return _Guess("image", "bytes of picture files")
    return _Guess("other", "bytes that are not pictures")


def _guess_numbers(name: str, values: list[str]) -> _Guess:
    distinct = len(set(values))
    if _NAMES_A_ROW.search(name) and distinct == len(values):
        return _Guess("other", "a different number in every row, and the name of an identifier", "id")
    return _Guess("numeric", f"numbers, {distinct} different")


def _guess_words(table: Table, name: str, values: list[str], looked: str) -> _Guess:
    distinct = len(set(values))
    if name.casefold() in SPLIT_NAMES and {value.casefold() for value in values} <= set(SIDES):
        return _Guess("categorical", f"its name, and values {sorted(set(values))}", "split")
    share = sum(bool(_ADDRESS.match(value)) for value in values) / len(values)
    if share > 0.5:
        return _Guess("other", "web addresses: nothing is fetched, give files")
    if sum(bool(_PICTURE.search(value)) for value in values) > 0.8 * len(values):
        return _Guess("image", _existing(table, values))
    if sum(bool(_SOUND.search(value)) for value in values) > 0.8 * len(values):
        return _Guess("audio", "names of sound files")
    numbers = sum(bool(_NUMBER.match(value)) or value.casefold() in NO_NUMBER for value in values)
    if numbers > 0.95 * len(values):
        return _guess_numbers(name, values)
    if sum(bool(_DATE.match(value)) for value in values) > 0.95 * len(values):
        return _Guess("other", "dates")
    words = sum(map(_words, values)) / len(values)
    single = not any(" " in value or _UNSPACED.search(value) for value in values)
    if distinct == len(values) and single and _NAMES_A_ROW.search(name):
        return _Guess("other", "different in every row, and the name of an identifier", "id")
    told = f"{distinct} different in {looked}, {words:.1f} words on average"
    if words >= 2 and (distinct > 0.3 * len(values) or distinct > 200):
        return _Guess("text", told)
    if words >= 5 and distinct > 1:
        return _Guess("text", told)
    if distinct <= max(10, 0.5 * len(values)):
        return _Guess("categorical", f"{distinct} different values in {looked}")
    return _Guess("other", f"{told}: too short to be read as text")


def _words(value: str) -> float:
    """Words of a text; two characters of a script without spaces count as one word."""
    unspaced = len(_UNSPACED.findall(value[:1000]))
    spaced = _SEPARATOR.split(_UNSPACED.sub(" ", value[:1000]))
    return unspaced / 2 + sum(map(bool, spaced))


def _existing(table: Table, values: list[str]) -> str:
    if table.root is None:
        return "names of picture files; there is no folder to look in (say --image-root)"
    looked = values[:: max(1, len(values) // 50)][:50]
    there = 0
    for value in looked:
        try:
            resolve_media(table.root, value)
            there += 1
        except MediaError:
            pass
    if not there:
        return f"names of picture files, but none of {len(looked)} looked at is under {table.root.name}/"
    return f"names of picture files; {there} of {len(looked)} looked at are there"


def _refuse_addresses(table: Table, name: str) -> None:
    column = table.column(name)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    filled = pc.sum(pc.greater(pc.binary_length(column), 0)).as_py() or 0
    # one look at the first cell spares the whole column
    first = next((value for value in column.slice(0, 100).to_pylist() if value), "")
    if not filled or not _ADDRESS.match(first):
        return
    addresses = pc.sum(pc.match_substring_regex(column, "(?i)" + _ADDRESS_START)).as_py()
    if addresses == filled:
        raise TableError(
            f"column {name!r}: every picture is a web address ({first[:60]}); nothing is fetched: download "
            "the pictures and put their paths, relative to the table or to --image-root, in the column"
        )


def _refuse_quantity(table: Table, name: str) -> None:
    """A label with very many different numbers is a quantity, which needs regression."""
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), SAMPLE)).astype(np.int64))
    text, _ = text_of(pa.chunked_array([gather(table.column(name), rows)]), name)
    values = [value for value in pc.utf8_trim_whitespace(text).to_pylist() if value]
    if not values or not all(_NUMBER.match(value) for value in values):
        return
    distinct = len(set(values))
    fractions = any("." in value.rstrip("0") and not value.endswith(".0") for value in values)
    if distinct > (max(20, 0.05 * len(values)) if fractions else max(30, 0.5 * len(values))):
        raise UsageError(
            f"label column {name!r} holds {distinct} different numbers in {len(values)} rows: it looks like "
            "a quantity, and classes are needed; make classes of it (such as low, middle, high)"
        )
