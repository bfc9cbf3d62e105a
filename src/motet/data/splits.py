"""Which rows train, which choose, which test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.data.casting import text_of
from motet.data.classes import Labels
from motet.data.duplicates import content_numbers
from motet.data.guessing import SIDES, SPLIT_NAMES
from motet.data.schema import Schema
from motet.data.table import Table, excerpt
from motet.errors import TableError, UsageError

Rows = npt.NDArray[np.int64]
TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row numbers (int64, ascending) of each side, and notes on what was decided.

    units : [N] the number of the set of rows that each labelled row must stay with (its group, its exact duplicates),
        -1 for a row without a label; None where nobody has looked.
    """

    train: Rows
    validation: Rows
    test: Rows
    notes: tuple[str, ...] = ()
    units: Rows | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are on each side, by its name."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def side_counts(sides: npt.NDArray[np.int8]) -> dict[str, int]:
    """How many of `sides` [N] are each, by its name; those of -1 are on none."""
    return {name: int((sides == side).sum()) for side, name in enumerate(NAMES)}


def make_split(
    table: Table,
    schema: Schema,
    labels: Labels,
    *,
    test_size: float = 0.15,
    validation_size: float = 0.15,
    seed: int = 0,
    unlabelled_teach: bool = False,
) -> Split:
    """Split the labelled rows, stratified by label, with groups and exact duplicates kept on one side.

    A split column is followed as it stands; only where it has no validation rows are some taken from train.
    Rows without a label are on no side, which a note says unless `unlabelled_teach`. A class with three or more rows
    that can be parted is on every side.
    The same rows and seed give the same split. Raises TableError for a split column that cannot be followed,
    UsageError for sizes that leave nothing to train on.
    """
    if min(test_size, validation_size) < 0 or test_size + validation_size >= 1:
        raise UsageError("test and validation sizes must be 0 or more and leave rows to train on")
    notes: list[str] = []
    rows = np.flatnonzero(labels.values >= 0).astype(np.int64)
    if len(rows) == 0:
        raise TableError("no row has a label")
    if len(rows) < len(labels.values) and not unlabelled_teach:
        notes.append(f"{len(labels.values) - len(rows)} rows without a label are left out")
    generator = np.random.default_rng(seed)
    classes = labels.values[rows]
    if schema.split is not None:
        sides = split_sides(table, schema.split)[rows]
        refuse_parted_groups(table, schema, rows, sides)
        content = _content(table, schema, rows, notes)
        _note_duplicates_across(content, sides, schema.split, notes)
        if not (sides == TRAIN).any():
            raise TableError(f"split column {schema.split!r} has no train rows with a label")
        if not (sides == TEST).any():
            notes.append("the split column has no test rows: there is no test side")
        untaught = np.setdiff1d(classes, classes[sides != TEST])
        if len(untaught) and labels.kind == "class":
            names = [labels.classes[number] for number in untaught]
            notes.append(f"classes in test rows alone, which cannot be learned: {_listed(names)}")
        together = _together(content, table, schema, rows)
        if not (sides == VALIDATION).any() and validation_size > 0:
            inner = np.flatnonzero(sides == TRAIN)
            sides[inner] = assign_sides(together[inner], classes[inner], (validation_size, 0.0), generator)
            notes.append(f"{(sides == VALIDATION).sum()} validation rows were taken from train")
    else:
        unfollowed = unfollowed_split(table, schema)
        if unfollowed:
            notes.append(unfollowed)
        together = row_units(table, schema, rows, notes)
        if test_size + validation_size > 0 and labels.kind == "class":
            _refuse_whole_classes(table, schema, rows, together, classes)
        sides = assign_sides(together, classes, (validation_size, test_size), generator)
        if labels.kind == "class":
            _note_small_classes(labels, classes, notes)
        for side, size in ((VALIDATION, validation_size), (TEST, test_size)):
            if size > 0 and not (sides == side).any():
                notes.append(f"too few rows that can be parted: there is no {NAMES[side]} side")
    made = [rows[sides == side] for side in (TRAIN, VALIDATION, TEST)]
    known = np.full(len(labels.values), -1, np.int64)
    known[rows] = together
    return Split(made[TRAIN], made[VALIDATION], made[TEST], tuple(notes), known)


def split_sides(table: Table, column: str) -> npt.NDArray[np.int8]:
    """Return [N] int8 side of each row (0 train, 1 validation, 2 test); TableError names any other value."""
    text, _ = text_of(table.column(column), column)
    text = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(text)), "")
    names = list(SIDES)
    found = pc.fill_null(pc.index_in(text, value_set=pa.array(names, text.type)), -1).to_numpy()
    if (found < 0).any():
        row = int(np.flatnonzero(found < 0)[0])
        value = table.column(column)[row].as_py()
        said = "is empty" if value in (None, "") else f"says {excerpt(value)!r}"
        raise TableError(f"split column {column!r}, row {row}: it {said}; allowed are {', '.join(names)}")
    sides: npt.NDArray[np.int8] = np.array([NAMES.index(SIDES[name]) for name in names], np.int8)[found]
    return sides


def row_units(table: Table, schema: Schema, rows: Rows, notes: list[str]) -> Rows:
    """Number the sets of rows that must stay together: those of one group, and exact duplicates."""
    return _together(_content(table, schema, rows, notes), table, schema, rows)


def unfollowed_split(table: Table, schema: Schema) -> str | None:
    """Say that a column has the name of a split and mostly its values, but for one, so that it is not followed."""
    if schema.split is not None:
        return None
    for column in schema.columns:
        name = column.name
        if column.role != "ignored" or name.casefold() not in SPLIT_NAMES or name not in table.columns:
            continue
        text, _ = text_of(table.column(name), name)
        text = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(text)), "")
        side = pc.is_in(text, value_set=pa.array(list(SIDES), text.type)).to_numpy()
        odd = np.flatnonzero(~side & pc.not_equal(text, "").to_numpy())
        if 0 < len(odd) < side.sum():
            row = int(odd[0])
            return (
                f"column {name!r} looks like a split but is not followed: row {row} says "
                f"{excerpt(table.column(name)[row].as_py())!r}, which is none of {', '.join(SIDES)}; mend "
                f"{'it' if len(odd) == 1 else f'such rows ({len(odd):,})'} and the column is followed"
            )
    return None


def _content(table: Table, schema: Schema, rows: Rows, notes: list[str]) -> Rows:
    content, note = content_numbers(table, schema, rows)
    if note:
        notes.append(note)
    return content


def _together(content: Rows, table: Table, schema: Schema, rows: Rows) -> Rows:
    if schema.group is None:
        return content
    return joined(content, group_numbers(table, schema.group)[rows])


def group_numbers(table: Table, column: str) -> Rows:
    """Return [N] int64: one number for each value of the column; a row without a value is its own group.

    White space around a value does not part a group.
    """
    text = pc.utf8_trim_whitespace(text_of(table.column(column), column)[0])
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    known = pc.unique(text).drop_null()
    found: Rows = pc.fill_null(pc.index_in(text, value_set=known), -1).to_numpy().astype(np.int64)
    alone = found < 0
    found[alone] = len(known) + np.arange(alone.sum())
    return found


def picture_units(number: Rows, table: Table, schema: Schema) -> Rows:
    """A number [N] that is equal for rows of one picture, or of one group. number [N] : of its picture, -1 for none."""
    units = np.where(number < 0, len(table) + np.arange(len(table)), number)
    return units if schema.group is None else joined(units, group_numbers(table, schema.group))


def joined(first: Rows, second: Rows) -> Rows:
    """Number the connected components of rows that share a value of either array."""
    unit = np.arange(len(first))
    while True:
        before = unit
        for numbers in (first, second):
            _, inverse = np.unique(numbers, return_inverse=True)
            lowest = np.full(inverse.max() + 1, len(first))
            np.minimum.at(lowest, inverse, unit)
            unit = lowest[inverse]
        if (unit == before).all():
            return unit


def assign_sides(
    units: Rows, classes: Rows, sizes: tuple[float, float], generator: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Return [n] side of each row; `sizes` are the shares of validation and test.

    Units with several classes, and units larger than a side's share of their class, are placed one by one
    where most of their rows are still wanted, largest first. The others fill what is wanted then, class by
    class, in random order.
    """
    units, inverse, count = np.unique(units, return_inverse=True, return_counts=True)[:]
    number = int(classes.max()) + 1
    total = np.bincount(classes, minlength=number)
    wanted = np.zeros((3, number))
    for side, size in ((VALIDATION, sizes[0]), (TEST, sizes[1])):
        wanted[side] = np.round(total * size)
        wanted[side][(total >= 3) & (size > 0)] = np.maximum(wanted[side], 1)[(total >= 3) & (size > 0)]
        wanted[side][total < 2] = 0
    wanted[TRAIN] = total - wanted[VALIDATION] - wanted[TEST]
    first = np.zeros(len(units), np.int64)
    first[inverse] = classes
    mixed = np.zeros(len(units), bool)
    mixed[inverse[classes != first[inverse]]] = True
    smallest = np.min([wanted[side] for side in (VALIDATION, TEST) if sizes[side - 1] > 0] or [total], axis=0)
    single = mixed | ((count > 1) & (count > smallest[first]))
    sides = np.zeros(len(units), np.int8)
    order = generator.permutation(len(units))
    _place_one_by_one(order[single[order]], inverse, classes, count, wanted, sides)
    _fill(order[~single[order]], first, count, wanted, sides)
    _leave_no_side_empty(order, first, count, mixed, wanted, sizes, sides)
    return sides[inverse]


def _place_one_by_one(
    order: Rows,
    inverse: Rows,
    classes: Rows,
    count: Rows,
    wanted: npt.NDArray[np.float64],
    sides: npt.NDArray[np.int8],
) -> None:
    if not len(order):
        return
    by_unit = np.argsort(inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(count)])
    for unit in order[np.argsort(-count[order], kind="stable")]:
        held = np.bincount(classes[by_unit[starts[unit] : starts[unit + 1]]], minlength=wanted.shape[1])
        gain = np.minimum(held, np.maximum(wanted, 0)).sum(axis=1)
        side = int(np.argmax(gain))
        sides[unit] = side
        wanted[side] -= held


def _fill(
    order: Rows, first: Rows, count: Rows, wanted: npt.NDArray[np.float64], sides: npt.NDArray[np.int8]
) -> None:
    order = order[np.argsort(first[order], kind="stable")]
    ends = np.cumsum(count[order])
    begins = ends - count[order]
    label = first[order]
    starts = np.searchsorted(label, label)  # where the class of each unit begins
    middle = begins - begins[starts] + count[order] / 2
    test = np.maximum(wanted[TEST], 0)[label]
    validation = np.maximum(wanted[VALIDATION], 0)[label]
    sides[order] = np.where(middle <= test, TEST, np.where(middle <= test + validation, VALIDATION, TRAIN))


def _leave_no_side_empty(
    order: Rows,
    first: Rows,
    count: Rows,
    mixed: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.float64],
    sizes: tuple[float, float],
    sides: npt.NDArray[np.int8],
) -> None:
    """Give each class a unit on every side where it has three to give, then each side a unit at all."""
    asked = [side for side in (TEST, VALIDATION) if sizes[side - 1] > 0]
    number = wanted.shape[1]
    held = np.stack([np.bincount(first[(sides == side) & ~mixed], minlength=number) for side in range(3)])
    pure = order[~mixed[order]]
    mixed_there = np.bincount(first[mixed], minlength=number) > 0
    enough = (held.sum(axis=0) >= len(asked) + 1) & ~mixed_there
    for label in np.flatnonzero(enough & (held == 0)[[TRAIN, *asked]].any(axis=0)):
        mine = pure[first[pure] == label]
        for side in (TRAIN, *asked):
            if (sides[mine] == side).any():
                continue
            givers = [s for s in range(3) if (sides[mine] == s).sum() > 1]
            if givers:
                giver = max(givers, key=lambda s: int((sides[mine] == s).sum()))
                candidates = mine[sides[mine] == giver]
                sides[candidates[np.argmin(count[candidates])]] = side
    for side in (TRAIN, *asked):
        if not (sides == side).any():
            giver = int(np.argmax([(sides == s).sum() for s in range(3)]))
            candidates = order[sides[order] == giver]
            left = np.bincount(first[candidates], minlength=number)
            candidates = candidates[mixed[candidates] | (left[first[candidates]] > 1)]
            if len(candidates) > 1:
                sides[candidates[np.argmin(count[candidates])]] = side


def refuse_parted_groups(table: Table, schema: Schema, rows: Rows, sides: npt.NDArray[np.int8]) -> None:
    """TableError where a split column puts rows of one group on two sides. sides [n] : of the n given rows."""
    if schema.group is None:
        return
    groups = group_numbers(table, schema.group)[rows]
    order = np.lexsort((sides, groups))
    parted = (np.diff(groups[order]) == 0) & (np.diff(sides[order]) != 0)
    if parted.any():
        row = int(rows[order[np.flatnonzero(parted)[0]]])
        value = excerpt(table.column(schema.group)[row].as_py())
        raise TableError(
            f"split column {schema.split!r} puts group {value!r} of column {schema.group!r} on two sides; "
            "drop one of the two columns, or mend the split"
        )


def _refuse_whole_classes(table: Table, schema: Schema, rows: Rows, units: Rows, classes: Rows) -> None:
    """Raise TableError where groups keep every class in one piece, so that none is on two sides."""
    if schema.group is None or len(np.unique(units)) == len(units):
        return
    pairs = np.unique(np.stack([classes, units], axis=1), axis=0)
    if len(pairs) > len(np.unique(classes)):
        return
    number = len(np.unique(group_numbers(table, schema.group)[rows]))
    what = "1 group" if number == 1 else f"{number:,} groups, which keep each class in one piece"
    raise TableError(
        f"group column {schema.group!r} has {what}: no class could be learned on one side of a split and measured on "
        "the other; name a column with several groups in each class, or leave --group (in Python group=) out"
    )


def _note_duplicates_across(
    content: Rows, sides: npt.NDArray[np.int8], column: str, notes: list[str]
) -> None:
    _, unit, count = np.unique(content, return_inverse=True, return_counts=True)
    lowest, highest = np.full(len(count), len(NAMES)), np.full(len(count), -1)
    np.minimum.at(lowest, unit, sides)
    np.maximum.at(highest, unit, sides)
    across = lowest < highest
    if across.any():
        groups = "1 group" if across.sum() == 1 else f"{across.sum():,} groups"
        notes.append(
            f"split column {column!r} has {groups} of exact duplicates ({count[across].sum():,} rows) across train, "
            "validation and test: results will look better than they are"
        )


def _note_small_classes(labels: Labels, classes: Rows, notes: list[str]) -> None:
    total = np.bincount(classes, minlength=len(labels.classes))
    lonely = [labels.classes[number] for number in np.flatnonzero(total == 1)]
    if lonely:
        notes.append(f"classes with one row are in train alone, and cannot be tested: {_listed(lonely)}")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (" ..." if len(names) > 10 else "")
