"""What is to be said of a table that a model answers, beside what is wrong with single cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from motet.data import Schema, Table
from motet.data.decimal_marks import reading_notes
from motet.data.inference import was_empty
from motet.data.missingness import filled_cells
from motet.data.schema import READ
from motet.errors import TableError
from motet.model import PatternEntry


def column_notes(table: Table, schema: Schema, also_read: Collection[str | None] = ()) -> tuple[str, ...]:
    """Say which columns the model reads and the table lacks, and which the table has and the model does not read.

    Columns that the training table had and that were left out then are not named, but for those that were empty then
    and are not now. Numbers that could be read otherwise are told with an example. Raises TableError where none of the
    columns that the model reads is there. also_read : columns that are read for another reason, as known labels are.
    """
    wanted = [column.name for column in schema.columns if column.role in READ]
    lacking = [name for name in wanted if name not in table.columns]
    if lacking and len(lacking) == len(wanted):
        raise TableError(
            f"{table.name} has none of the columns that the model reads: it reads {_listed(wanted)}; "
            f"the table has {_listed(table.columns)}; name them as the model does"
        )
    notes = []
    if lacking:
        notes.append(f"no column {', '.join(map(repr, lacking))} in {table.name}: absent in every row")
    known = {column.name for column in schema.columns}
    unknown = [name for name in table.columns if name not in known and name not in also_read]
    if unknown:
        notes.append(
            f"not in the table that trained the model, and not read: {_listed(unknown)} of {table.name}"
        )
    filled = [
        column.name
        for column in schema.columns
        if was_empty(column) and column.name in table.columns and filled_cells(table, column).any()
    ]
    if filled:
        notes.append(f"empty in every row that trained the model, and not read: {_listed(filled)}")
    return (*notes, *reading_notes(table, schema.numbers))


def pattern_notes(rows: Mapping[str, int], entries: Mapping[str, PatternEntry]) -> list[str]:
    """Say which patterns of the answered rows training could not choose for, and how they are answered.

    rows : how many of them have each pattern.
    """
    notes = []
    for pattern, count in rows.items():
        entry = entries[pattern]
        if entry.members and (entry.cuts or any(one is not None for one in entry.thresholds)):
            continue  # held-out rows chose, and calibrated
        has = "1 row has" if count == 1 else f"{count:,} rows have"
        what = pattern if entry.members else "nothing that the model reads"
        notes.append(f"{has} {what}: answered by {entry.chosen} ({entry.why})")
    return notes


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
