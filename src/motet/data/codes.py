"""Columns of codes that come again, such as patients': what they name must not stand on two sides of a split."""

from __future__ import annotations

import re
import shlex

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.schema import Schema
from motet.data.table import Table, excerpt

# P-0193, patient_12, S001, 2023-0017: one word that ends in two digits or more.
_CODE = r"^[A-Za-z]{1,12}[-_.]?\d{2,12}$|^[A-Za-z0-9]{1,12}[-_]\d{2,12}$"
_DATE = re.compile(r"^\d{4}[-_]\d{2}$|^[A-Za-z]{3,9}[-_.]?\d{4}$")  # of a month or a quarter, not of a case
_CODES = 0.95  # share of filled cells that must be codes
_REPEATED = 0.3  # share of rows that share their code with another row
_FEWEST = 10  # codes; fewer are categories
_MOST_ROWS = 100  # of one code on average; more are categories


def repeated_codes(table: Table, schema: Schema, sides: npt.NDArray[np.int8] | None) -> list[str]:
    """Suggest `--group` for columns of codes that many rows share, or that stand on two sides of the split.

    sides [N]: side of each row, where the table has a split column. Nothing is said where a group is named.
    """
    if schema.group is not None:
        return []
    found = []
    for column in schema.columns:
        if column.role != "ignored" or column.kind not in ("categorical", "text", "other"):
            continue
        if column.name not in table.columns or pa.types.is_nested(table.column(column.name).type):
            continue
        said = _said(table, column.name, sides)
        if said:
            found.append(said)
    return found


def _said(table: Table, name: str, sides: npt.NDArray[np.int8] | None) -> str | None:
    text = pc.utf8_trim_whitespace(text_of(table.column(name), name)[0])
    filled = pc.fill_null(pc.not_equal(text, ""), False).to_numpy()
    codes = pc.fill_null(pc.match_substring_regex(text, _CODE), False).to_numpy()
    if not filled.any() or codes.sum() < _CODES * filled.sum():
        return None
    rows = np.flatnonzero(codes)
    words = text.take(pa.array(rows))
    known = pc.unique(words)
    if _DATE.match(known[0].as_py()):
        return None
    numbers = pc.index_in(words, value_set=known).to_numpy().astype(np.int64)
    count = np.bincount(numbers)
    shared = int(count[count > 1].sum())
    if len(count) < _FEWEST or len(rows) > _MOST_ROWS * len(count):
        return None
    across = 0
    if sides is not None:
        pairs = np.unique(numbers * 3 + sides[rows])
        across = int((np.bincount(pairs // 3) > 1).sum())
    if not across and shared < _REPEATED * len(rows):
        return None
    example = excerpt(known[int(count.argmax())].as_py())
    both = f", and {across:,} of them stand on two sides of the split" if across else ""
    return (
        f"column {name!r} holds {len(count):,} codes such as {example!r}, which {shared:,} rows share with others"
        f"{both}: where rows of one code are about one thing, say --group {shlex.quote(name)} (in Python group=); "
        f"where it only names rows, --id {shlex.quote(name)} (id=)"
    )
