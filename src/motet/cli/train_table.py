"""What `motet train` says of the table before it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.data import Schema, Table


def say_schemas(schemas: Mapping[str, Schema]) -> None:
    """Print which columns each task reads, as what and why, and which none reads; what is the same of all, once."""
    from motet.cli.console import listed, message

    tasks_of: dict[str, list[str]] = {}
    read: set[str] = set()
    for task, schema in schemas.items():
        for column in schema.columns:
            if column.role != "ignored":
                read.add(column.name)
                tasks_of.setdefault(f"{column.name}: {column.role}, {column.kind} ({column.why})", []).append(
                    task
                )
    for line, tasks in tasks_of.items():
        message(line if len(tasks) == len(schemas) else f"{' and '.join(tasks)}: {line}")
    (first, *_) = schemas.values()
    unread = [column.name for column in first.columns if column.name not in read]
    if unread:
        message(f"not read: {listed(unread)} (motet inspect says why)")


def say_sizes_unused(
    read: Table, schema: Schema, named: str | None, test_size: float | None, val_size: float | None
) -> None:
    """A split column is followed: say which sizes it leaves unused; UsageError where both were asked for by name."""
    from motet.cli.console import message
    from motet.data.splits import VALIDATION, split_sides
    from motet.errors import UsageError

    if schema.split is None or (test_size is None and val_size is None):
        return
    chooses = val_size is not None and bool((split_sides(read, schema.split) == VALIDATION).any())
    unused = ["--test-size"] * (test_size is not None) + ["--val-size"] * chooses
    if unused and named is not None:
        raise UsageError(
            f"{' and '.join(unused)} and --split-column {named}: the column says which rows choose; "
            "leave one of them out"
        )
    if unused:
        message(
            f"column {schema.split!r} says which rows train, choose and test, and is followed: "
            f"{' and '.join(unused)} {'is' if len(unused) == 1 else 'are'} not used"
        )


def refuse_broken(read: Table, schema: Schema) -> None:
    """TableError where any cell is broken."""
    from motet.cli.console import counted
    from motet.data import audit
    from motet.errors import TableError

    broken = audit(read, schema).broken
    if broken:
        shown = "; ".join(f"row {i.row}, {i.column}: {i.reason}" for i in broken[:5])
        raise TableError(
            f"{read.name}: {counted(len(broken), 'broken cell')} ({shown}{'; ...' if len(broken) > 5 else ''}): "
            "mend them, or leave --strict out"
        )
