"""What each column holds, told from a bounded sample of its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import is_bytes_type, text_of
from motet.data.classes import TargetKind
from motet.data.decimal_marks import NUMBER, column_reading
from motet.data.media import resolve_media
from motet.data.media_cells import is_media_type
from motet.data.schema import MAX_MODALITIES, Column, Kind, Mark, Role, Schema, modality_of
from motet.data.sound_formats import is_sound
from motet.data.table import Table, gather, missing_column
from motet.data.tabular_cells import NO_NUMBER
from motet.data.vector_cells import VectorCells, is_vector_type, parse_vector
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
_SOUND = re.compile(r"\.(wav|mp3|flac|ogg|oga|opus|m4a|aac|aiff?|wma)$", re.IGNORECASE)
_ADDRESS_START = r"^\s*(https?|ftp|s3|gs):/"  # one slash: a path library has taken the other away
_ADDRESS = re.compile(_ADDRESS_START, re.IGNORECASE)
_NUMBER = re.compile(NUMBER)
_FRACTION = re.compile(r"[.,]\d*[1-9]")
_LIST = re.compile(r"\[[\s\d+\-.,eE]*\]$")
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{4}$")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f]")
_SEPARATOR = re.compile(r"[\s|,;/]+")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_NAMES_A_ROW = re.compile(r"^(id|uid|uuid|guid|key|index|sku|unnamed_0)$|[_ -]id$|Id$", re.IGNORECASE)
_ONE_WIDTH = 0.9  # share of lists of numbers that have the same width, from which they are vectors
_EMPTY = "empty in all"
SPLIT_NAMES = ("split", "fold", "subset", "set", "partition")


@dataclass(frozen=True)
class _Guess:
    kind: Kind
    why: str
    role: Role | None = None  # a role that the values themselves tell: id, split
    usable: bool = True  # as an input without being named


def was_empty(column: Column) -> bool:
    """Whether a column of an inferred schema was left out because no row had anything in it."""
    return column.role == "ignored" and column.why.startswith(_EMPTY)


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
    split: str | None = None,
    group: str | None = None,
    id: str | None = None,
    weight: str | None = None,
    target: TargetKind = "class",
) -> Schema:
    """Tell the kind and role of each column; what the caller names is taken as said.

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
    explicit = bool(named)
    roles: tuple[tuple[Role, str | None], ...] = (
        ("label", label),
        ("split", split),
        ("group", group),
        ("id", id),
        ("weight", weight),
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


def _said(table: Table, name: str, kind: Kind, role: Role, guess: _Guess, target: TargetKind) -> Column:
    if role == "input":
        if kind in ("image", "audio"):
            _refuse_addresses(table, name, "picture" if kind == "image" else "sound")
        if kind == "vector":
            _refuse_no_vector(table, name)
        mark = _sure_mark(table, name) if kind == "numeric" else None
        return Column(name, kind, role, modality_of(kind, name), "named", mark)
    if role == "label" and target != "number":
        _refuse_quantity(table, name, "a class" if target == "class" else "a list of labels")
    mark = _sure_mark(table, name) if role == "label" and target == "number" else None
    return Column(name, guess.kind, role, None, f"named; {guess.why}", mark)


def _sure_mark(table: Table, name: str) -> Mark | None:
    """What marks decimals, where cells say it: what was only taken for likely may be told better by later tables."""
    reading = column_reading(table.column(name), name)
    return reading.mark if reading.sure else None


def _found(name: str, guess: _Guess, explicit: bool, taken: set[Role]) -> Column:
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


def _guess(table: Table, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Guess:
    column = table.column(name)
    kind = column.type
    if is_bytes_type(kind) or pa.types.is_struct(kind):
        return _guess_bytes(column, rows)
    if is_vector_type(kind):
        return _guess_vector(Table(pa.table({name: gather(column, rows)})), name)
    if pa.types.is_nested(kind):
        return _Guess("other", "lists")
    if pa.types.is_temporal(kind):
        return _Guess("other", "dates or times")
    text, _ = text_of(pa.chunked_array([gather(column, rows)]), name)
    values = [value for value in pc.utf8_trim_whitespace(text).to_pylist() if value]
    if not values:
        return _Guess("other", f"{_EMPTY} {_rows(rows, table)}")
    if pa.types.is_boolean(kind):
        return _Guess("categorical", "true or false")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _guess_numbers(name, values)
    return _guess_words(table, name, values, _rows(rows, table))


def _rows(rows: np.ndarray[tuple[int], np.dtype[np.int64]], table: Table) -> str:
    return f"{len(rows)} rows" if len(rows) == len(table) else f"{len(rows)} sampled rows"


def _guess_bytes(column: pa.ChunkedArray, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> _Guess:
    if not is_media_type(column.type):
        return _Guess("other", "structures")
    # whole pictures are copied: a few tell enough
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), 32)).astype(np.int64)]
    values = [value for value in gather(column, few).to_pylist() if value]
    if values and isinstance(values[0], dict):
        return _guess_structures(values)
    if any(value.startswith(_MAGIC) or value[8:12] == b"WEBP" for value in values):
        return _Guess("image", "bytes of picture files")
    if any(is_sound(value) for value in values):
        return _Guess("audio", "bytes of sound files")
    return _Guess("other", "bytes that are neither pictures nor sounds")


def _guess_structures(values: list[dict[str, bytes | str | None]]) -> _Guess:
    """A `datasets` Image and Audio have one form: the bytes or the paths tell which."""
    contents = [value.get("bytes") for value in values]
    paths = [value.get("path") for value in values]
    sounds = [isinstance(one, bytes) and is_sound(one) for one in contents]
    if any(sounds) or (not any(contents) and any(isinstance(p, str) and _SOUND.search(p) for p in paths)):
        return _Guess("audio", "sounds of the datasets library (bytes or path)")
    return _Guess("image", "pictures of the datasets library (bytes or path)")


def _guess_vector(sample: Table, name: str) -> _Guess:
    vectors = VectorCells(sample, name)
    widths = vectors.of_width(np.arange(len(vectors)), vectors.width)[0].sum()
    if not vectors.present.any():
        return _Guess("other", "lists of numbers, all empty or broken")
    if widths < _ONE_WIDTH * vectors.present.sum():
        return _Guess("other", "lists of numbers of different widths")
    return _Guess("vector", f"lists of {vectors.width} numbers")


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
        return _Guess("image", _existing(table, values, "picture")[0])
    if sum(bool(_SOUND.search(value)) for value in values) > 0.8 * len(values):
        told, there = _existing(table, values, "sound")
        return _Guess("audio", told if there else f"{told}; name it with --audio", usable=there)
    lists = [value for value in values if _LIST.match(value)]
    if len(lists) > 0.8 * len(values) and sum(parse_vector(v) is not None for v in lists) > 0.8 * len(values):
        return _guess_vector(Table(pa.table({name: lists})), name)
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


def _existing(table: Table, values: list[str], thing: str) -> tuple[str, bool]:
    """Say how many of the files are there, in words, and whether any is."""
    if table.root is None:
        return (
            f"names of {thing} files; there is no folder to look in (say --image-root, in Python image_root=)",
            False,
        )
    looked = values[:: max(1, len(values) // 50)][:50]
    there = 0
    for value in looked:
        try:
            resolve_media(table.root, value)
            there += 1
        except MediaError:
            pass
    if not there:
        told = f"names of {thing} files, but none of {len(looked)} looked at is under {table.root.name}/"
        return told, False
    return f"names of {thing} files; {there} of {len(looked)} looked at are there", True


def _refuse_addresses(table: Table, name: str, thing: str) -> None:
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
    if not values or not all(_NUMBER.match(value) for value in values):
        return
    distinct = len(set(values))
    fractions = any(_FRACTION.search(value) for value in values)
    if distinct > (max(20, 0.05 * len(values)) if fractions else max(30, 0.5 * len(values))):
        raise UsageError(
            f"label column {name!r} holds {distinct} different numbers in {len(values)} rows: it looks like a "
            f"quantity, not {wanted}; learn the number itself with --target number (in Python MultimodalRegressor), or "
            "make classes of it (such as low, middle, high)"
        )
