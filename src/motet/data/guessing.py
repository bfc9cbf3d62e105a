"""What a column looks like: its kind, and a role that its values tell, from some of its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import is_bytes_type, text_of
from motet.data.decimal_marks import NUMBER
from motet.data.media import resolve_media
from motet.data.media_cells import is_media_type
from motet.data.schema import Kind, Role
from motet.data.sound_formats import is_sound
from motet.data.table import Table, gather
from motet.data.tabular_cells import NO_NUMBER
from motet.data.vector_cells import VectorCells, is_vector_type, parse_vector
from motet.errors import MediaError

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
ADDRESS_START = r"^\s*(https?|ftp|s3|gs):/"  # one slash: a path library has taken the other away
ADDRESS = re.compile(ADDRESS_START, re.IGNORECASE)
A_NUMBER = re.compile(NUMBER)
_LIST = re.compile(r"\[[\s\d+\-.,eE]*\]$")
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{4}$")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f]")
_SEPARATOR = re.compile(r"[\s|,;/]+")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
_NAMES_A_ROW = re.compile(r"^(id|uid|uuid|guid|key|index|sku|unnamed_0)$|[_ -]id$|Id$", re.IGNORECASE)
_ONE_WIDTH = 0.9  # share of lists of numbers that have the same width, from which they are vectors
EMPTY = "empty in all"
SPLIT_NAMES = ("split", "fold", "subset", "set", "partition")


@dataclass(frozen=True)
class Guess:
    """What a column looks like, and why in words."""

    kind: Kind
    why: str
    role: Role | None = None  # a role that the values themselves tell: id, split
    usable: bool = True  # as an input without being named


def guess_column(table: Table, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Guess:
    """What the column `name` looks like, from some rows [n]."""
    column = table.column(name)
    kind = column.type
    if is_bytes_type(kind) or pa.types.is_struct(kind):
        return _guess_bytes(column, rows)
    if is_vector_type(kind):
        return _guess_vector(Table(pa.table({name: gather(column, rows)})), name)
    if pa.types.is_nested(kind):
        return Guess("other", "lists")
    if pa.types.is_temporal(kind):
        return Guess("other", "dates or times")
    text, _ = text_of(pa.chunked_array([gather(column, rows)]), name)
    values = [value for value in pc.utf8_trim_whitespace(text).to_pylist() if value]
    if not values:
        return Guess("other", f"{EMPTY} {_rows(rows, table)}")
    if pa.types.is_boolean(kind):
        return Guess("categorical", "true or false")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _guess_numbers(name, values)
    return _guess_words(table, name, values, _rows(rows, table))


def _rows(rows: np.ndarray[tuple[int], np.dtype[np.int64]], table: Table) -> str:
    return f"{len(rows)} rows" if len(rows) == len(table) else f"{len(rows)} sampled rows"


def _guess_bytes(column: pa.ChunkedArray, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Guess:
    if not is_media_type(column.type):
        return Guess("other", "structures")
    # whole pictures are copied: a few tell enough
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), 32)).astype(np.int64)]
    values = [value for value in gather(column, few).to_pylist() if value]
    if values and isinstance(values[0], dict):
        return _guess_structures(values)
    if any(value.startswith(_MAGIC) or value[8:12] == b"WEBP" for value in values):
        return Guess("image", "bytes of picture files")
    if any(is_sound(value) for value in values):
        return Guess("audio", "bytes of sound files")
    return Guess("other", "bytes that are neither pictures nor sounds")


def _guess_structures(values: list[dict[str, bytes | str | None]]) -> Guess:
    """A `datasets` Image and Audio have one form: the bytes or the paths tell which."""
    contents = [value.get("bytes") for value in values]
    paths = [value.get("path") for value in values]
    sounds = [isinstance(one, bytes) and is_sound(one) for one in contents]
    if any(sounds) or (not any(contents) and any(isinstance(p, str) and _SOUND.search(p) for p in paths)):
        return Guess("audio", "sounds of the datasets library (bytes or path)")
    return Guess("image", "pictures of the datasets library (bytes or path)")


def _guess_vector(sample: Table, name: str) -> Guess:
    vectors = VectorCells(sample, name)
    widths = vectors.of_width(np.arange(len(vectors)), vectors.width)[0].sum()
    if not vectors.present.any():
        return Guess("other", "lists of numbers, all empty or broken")
    if widths < _ONE_WIDTH * vectors.present.sum():
        return Guess("other", "lists of numbers of different widths")
    return Guess("vector", f"lists of {vectors.width} numbers")


def _guess_numbers(name: str, values: list[str]) -> Guess:
    distinct = len(set(values))
    if _NAMES_A_ROW.search(name) and distinct == len(values):
        return Guess("other", "a different number in every row, and the name of an identifier", "id")
    return Guess("numeric", f"numbers, {distinct} different")


def _guess_words(table: Table, name: str, values: list[str], looked: str) -> Guess:
    distinct = len(set(values))
    if name.casefold() in SPLIT_NAMES and {value.casefold() for value in values} <= set(SIDES):
        return Guess("categorical", f"its name, and values {sorted(set(values))}", "split")
    share = sum(bool(ADDRESS.match(value)) for value in values) / len(values)
    if share > 0.5:
        return Guess("other", "web addresses: nothing is fetched, give files")
    if sum(bool(_PICTURE.search(value)) for value in values) > 0.8 * len(values):
        return Guess("image", _existing(table, values, "picture")[0])
    if sum(bool(_SOUND.search(value)) for value in values) > 0.8 * len(values):
        told, there = _existing(table, values, "sound")
        return Guess("audio", told if there else f"{told}; name it with --audio", usable=there)
    lists = [value for value in values if _LIST.match(value)]
    if len(lists) > 0.8 * len(values) and sum(parse_vector(v) is not None for v in lists) > 0.8 * len(values):
        return _guess_vector(Table(pa.table({name: lists})), name)
    numbers = sum(bool(A_NUMBER.match(value)) or value.casefold() in NO_NUMBER for value in values)
    if numbers > 0.95 * len(values):
        return _guess_numbers(name, values)
    if sum(bool(_DATE.match(value)) for value in values) > 0.95 * len(values):
        return Guess("other", "dates")
    words = sum(map(_words, values)) / len(values)
    single = not any(" " in value or _UNSPACED.search(value) for value in values)
    if distinct == len(values) and single and _NAMES_A_ROW.search(name):
        return Guess("other", "different in every row, and the name of an identifier", "id")
    told = f"{distinct} different in {looked}, {words:.1f} words on average"
    if words >= 2 and (distinct > 0.3 * len(values) or distinct > 200):
        return Guess("text", told)
    if words >= 5 and distinct > 1:
        return Guess("text", told)
    if distinct <= max(10, 0.5 * len(values)):
        return Guess("categorical", f"{distinct} different values in {looked}")
    return Guess("other", f"{told}: too short to be read as text")


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
