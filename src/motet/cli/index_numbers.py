"""How the numbers of a table are read for an index: a table that is added is read as the first one was.

A comma marks decimals or thousands as the whole column says. A table that is added may be too small to say it, and read
by itself alone its prices could come out a thousandfold: so the index keeps what was decided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

# What marks decimals in a column; `both` where its cells contradict each other.
Convention = Literal[".", ",", "both"]
KEY = "decimals"  # in `about` of an index


def conventions_in(about: Mapping[str, str]) -> dict[str, Convention]:
    """What an index keeps, by column; nothing for a column whose cells have not told yet."""
    kept: dict[str, Convention] = json.loads(about.get(KEY, "{}"))
    return kept


def as_about(conventions: Mapping[str, Convention]) -> dict[str, str]:
    """The same in the words of `about`."""
    return {KEY: json.dumps(conventions, ensure_ascii=False, sort_keys=True)} if conventions else {}


def convention_of(column: pa.ChunkedArray, name: str) -> Convention | None:
    """What marks decimals in a column of words, where a cell tells; what could be meant otherwise is said."""
    import pyarrow.compute as pc

    from motet.cli.console import message
    from motet.data.casting import text_of, trimmed
    from motet.data.decimal_marks import OPEN_POINT, column_reading, reading_note

    reading = column_reading(column, name)
    note = reading_note(name, reading)
    if note is not None:
        message(f"note: {note}")
    if reading.both:
        return "both"
    # 1.200 alone does not decide a reading, but it is read as 1.2
    text = trimmed(text_of(column, name)[0])
    as_point = reading.mark is None and pc.any(pc.match_substring_regex(text, OPEN_POINT)).as_py()
    return "." if as_point else reading.mark


def read_added(column: pa.ChunkedArray, name: str, convention: Convention) -> npt.NDArray[np.float64]:
    """Numbers [N] of a column of words, NaN where empty, read by the convention of the index alone.

    TableError with row and column for a cell that is no number by it.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from motet.data.casting import text_of, trimmed
    from motet.data.decimal_marks import Reading, plain_numbers
    from motet.data.table import excerpt
    from motet.data.tabular_cells import NO_NUMBER
    from motet.errors import TableError

    text = trimmed(text_of(column, name)[0]).combine_chunks()
    absent = pc.is_in(pc.utf8_lower(text), value_set=pa.array(NO_NUMBER, text.type))
    text = pc.if_else(absent, pa.scalar(None, text.type), text)
    reading = Reading(None, both=True) if convention == "both" else Reading(convention)
    plain = pc.if_else(_other(text, convention), pa.scalar(None, text.type), plain_numbers(text, reading))
    numbers = np.array(pc.utf8_ltrim(plain, "+").cast(pa.float64()).to_numpy(False), np.float64)
    numbers[np.isinf(numbers)] = np.nan
    wrong = np.flatnonzero(np.isnan(numbers) & text.is_valid().to_numpy(False))
    if len(wrong):
        row = int(wrong[0])
        others = f", nor are {len(wrong) - 1:,} other cells" if len(wrong) > 1 else ""
        raise TableError(
            f"row {row}, column {name!r}: {excerpt(text[row].as_py())!r} is no number as this index reads them "
            f"({MEANING[convention]}){others}: write it so, or leave the cell empty"
        )
    return numbers


MEANING: dict[Convention, str] = {
    ",": "a comma marks decimals, a point thousands",
    ".": "a point marks decimals, a comma thousands",
    "both": "the table that it was built from has both marks, so a cell such as 1,200 says too little",
}


def _other(text: pa.Array, convention: Convention) -> pa.Array:
    """Which cells can only be read by the other convention."""
    import pyarrow.compute as pc

    from motet.data.decimal_marks import OPEN_COMMA, OPEN_POINT, WITH_COMMA, WITH_POINT

    if convention == "both":
        return pc.invert(pc.is_valid(text))
    sure, either = (WITH_COMMA, OPEN_COMMA) if convention == "." else (WITH_POINT, OPEN_POINT)
    other = pc.and_not(pc.match_substring_regex(text, sure), pc.match_substring_regex(text, either))
    return pc.fill_null(other, False)
