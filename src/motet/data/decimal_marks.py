"""Numbers written as text: whether the comma marks decimals (3,5) or thousands (1,200), told from the whole column.

Most cells say it themselves: 3,5 and 1.200,5 have a decimal comma, 3.5 and 1,200.50 and 1,200,000 a decimal point.
1,200 says neither, and read wrongly it is wrong by a factor of 1000: then the other cells of its column say it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import is_text_type, text_of, trimmed
from motet.data.schema import Column, Mark
from motet.data.table import Table, excerpt

Bools = npt.NDArray[np.bool_]
EXPONENT = r"([eE][+-]?\d{1,4})?$"
PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)" + EXPONENT  # without a comma
# In each: either reading is possible of the first two, only one of the third.
OPEN_COMMA = r"^[+-]?[1-9]\d{0,2},\d{3}$"
OPEN_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
WITH_POINT = r"^[+-]?(\d*\.\d+" + EXPONENT[:-1] + r"|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,})$"
WITH_COMMA = r"^[+-]?(\d*,\d+" + EXPONENT[:-1] + r"|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})$"
NUMBER = rf"{PLAIN}|{OPEN_COMMA}|{WITH_POINT}|{WITH_COMMA}"
MOSTLY = 10  # times as many cells with one mark as with the other: the others are slips
EITHER_WAY = "its comma or point may mark decimals or thousands: other cells of this column do both"


@dataclass(frozen=True)
class Reading:
    """How the numbers of a column are read.

    mark : what marks decimals; None where no cell has a comma. sure : whether cells of the column say so. both : they
    contradict each other: what can be read either way is not read. odd : how many cells surely have the other mark,
    where so few do that the column is read by the usual one, and they by their own. open : how many cells are read as
    `mark` has it and could be read otherwise. example : one that a person could misread, where there is one; else one
    that the mark decides, or an odd one. told : a cell that says the mark.
    """

    mark: Mark | None
    sure: bool = False
    both: bool = False
    odd: int = 0
    open: int = 0
    example: str = ""
    told: str = ""


def column_reading(column: pa.ChunkedArray, name: str, known: Mark | None = None) -> Reading:
    """How a column of any type is read; numbers that are no text leave nothing to decide."""
    return (
        reading_of(trimmed(text_of(column, name)[0]), known) if is_text_type(column.type) else Reading(None)
    )


def reading_of(text: pa.ChunkedArray, known: Mark | None = None) -> Reading:
    """Decide how a column of trimmed text is read.

    known : the mark of the column that a model was trained on. What the cells say themselves comes first, then that;
    without either, a comma before three digits marks thousands, as in most files with a comma between columns.
    """
    commas = _matching(text, OPEN_COMMA)
    points = _matching(text, OPEN_POINT)
    with_comma = _matching(text, WITH_COMMA) & ~commas
    with_point = _matching(text, WITH_POINT) & ~points
    comma_count, point_count = int(with_comma.sum()), int(with_point.sum())
    if comma_count and point_count:
        if max(comma_count, point_count) < MOSTLY * min(comma_count, point_count):
            return Reading(None, both=True)
        odd = with_comma if comma_count < point_count else with_point
        return Reading(
            "." if comma_count < point_count else ",", True, odd=int(odd.sum()), example=_first(text, odd)
        )
    if with_comma.any():
        misread = next((either for either in (commas, points) if either.any()), with_comma)
        return Reading(",", True, example=_first(text, misread), told=_first(text, with_comma))
    if with_point.any():
        return Reading(".", True)
    if not commas.any():
        return Reading(known, known is not None)
    return Reading(known or ".", known is not None, open=int(commas.sum()), example=_first(text, commas))


def plain_numbers(chunk: pa.Array, reading: Reading) -> pa.Array:
    """The numbers of trimmed text with a decimal point and no marks of thousands; null where a cell is none."""
    shapes = {shape: pc.match_substring_regex(chunk, shape) for shape in (OPEN_COMMA, OPEN_POINT, WITH_COMMA)}
    either = pc.or_(shapes[OPEN_COMMA], shapes[OPEN_POINT])
    sure_comma = pc.and_not(shapes[WITH_COMMA], shapes[OPEN_COMMA])
    by_comma = pc.or_(sure_comma, either) if reading.mark == "," else sure_comma
    swapped = pc.replace_substring(pc.replace_substring(chunk, ".", ""), ",", ".")
    stripped = pc.replace_substring(chunk, ",", "")
    grouped = pc.or_(shapes[OPEN_COMMA], pc.match_substring_regex(chunk, WITH_POINT))
    made = pc.if_else(by_comma, swapped, pc.if_else(grouped, stripped, chunk))
    number = pc.match_substring_regex(made, PLAIN)
    if reading.both:
        number = pc.and_not(number, either)
    return pc.if_else(number, made, pa.scalar(None, made.type))


def reading_notes(table: Table, columns: Iterable[Column]) -> list[str]:
    """What is to be said of how numbers are read, for each column of numbers of which something is."""
    there = [column for column in columns if column.name in table.columns]
    notes = [
        reading_note(one.name, column_reading(table.column(one.name), one.name, one.decimal)) for one in there
    ]
    return [note for note in notes if note is not None]


def reading_note(name: str, reading: Reading) -> str | None:
    """What is to be said of how a column is read, with an example; None where nothing else could be meant."""
    if reading.both:
        return (
            f"column {name!r} has numbers with a decimal comma and numbers with a decimal point: those that could be "
            "either, such as 1,200, are not read"
        )
    if reading.odd:
        cells = "1 cell has" if reading.odd == 1 else f"{reading.odd:,} cells have"
        usual, other = ("comma", "point") if reading.mark == "," else ("point", "comma")
        return (
            f"column {name!r}: decimals are marked by a {usual}, but {cells} a decimal {other}, such as "
            f"{excerpt(reading.example)!r}: read as written"
        )
    if not reading.example:
        return None
    value = plain_numbers(pa.array([reading.example]), reading)[0].as_py()
    read = f"column {name!r}: {excerpt(reading.example)!r} is read as {float(value):.12g}"
    if reading.open and not reading.sure:
        cells = "1 cell" if reading.open == 1 else f"{reading.open:,} cells"
        return (
            f"{read} ({cells} of this form): the comma is taken for a mark of thousands, and no other cell of the "
            "column tells; where it marks decimals, write a point"
        )
    as_in = f", as in {excerpt(reading.told)!r}" if reading.told not in ("", reading.example) else ""
    return f"{read}: the comma marks decimals{as_in}" if reading.mark == "," else None


def _matching(text: pa.ChunkedArray, shape: str) -> Bools:
    found = pc.fill_null(pc.match_substring_regex(text, shape), False)
    return np.asarray(found.to_numpy(), bool)


def _first(text: pa.ChunkedArray, which: Bools) -> str:
    return str(text[int(which.argmax())].as_py())
