"""Questions about pictures: which rows ask about one picture, in the same words, and which side each row is on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motet.data.answers import AnswerCounts
from motet.data.duplicates import media_digests, number_rows
from motet.data.image_cells import ImageCells
from motet.data.schema import Schema
from motet.data.splits import (
    NAMES,
    TEST,
    TRAIN,
    VALIDATION,
    Split,
    assign_sides,
    picture_units,
    refuse_parted_groups,
    split_sides,
    unfollowed_split,
)
from motet.data.table import Table
from motet.data.text_cells import TextCells
from motet.errors import TableError

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DistinctCells:
    """The U different cells of N rows, so that each is encoded once however many rows have it.

    number [N] : which of them a row has, -1 where it has none. rows [U] : the first row of each.
    """

    number: Rows
    rows: Rows

    @classmethod
    def of(cls, cells: ImageCells | TextCells) -> tuple[DistinctCells, str]:
        """By content; a note says where files were too many to be read. A picture that cannot be read is none."""
        present = np.flatnonzero(cells.present)
        digests, note = (
            media_digests(cells, present) if isinstance(cells, ImageCells) else (cells.digests(present), "")
        )
        number = np.full(len(cells), -1, np.int64)
        readable = digests.any(axis=1)
        _, first, compact = np.unique(number_rows(digests[readable]), return_index=True, return_inverse=True)
        number[present[readable]] = compact
        return cls(number, present[readable][first]), note


def split_questions(
    table: Table,
    schema: Schema,
    answers: AnswerCounts,
    picture: Rows,
    *,
    test_size: float,
    validation_size: float,
    seed: int,
) -> Split:
    """Split the rows that have an answer, so that all questions about one picture are on one side.

    picture [N] : number of each row's picture, -1 for none. A split column is followed as it stands; only where it has
    no validation rows are some taken from train. Pictures of one group stay together. Shares of the most common
    answers are kept where pictures allow it. Raises TableError where nothing is left to train on, or a split column
    parts a group.
    """
    notes: list[str] = []
    rows = np.flatnonzero(answers.common != -1)
    if not len(rows):
        raise TableError(f"no row has an answer in {', '.join(map(repr, schema.answers))}")
    if len(rows) < len(table):
        left = len(table) - len(rows)
        notes.append(f"{left:,} {'row has' if left == 1 else 'rows have'} no answer: left out")
    units = picture_units(picture, table, schema)[rows]
    classes = np.maximum(answers.common[rows], -1) + 1  # what the vocabulary lacks is one class
    generator = np.random.default_rng(seed)
    if schema.split is None:
        unfollowed = unfollowed_split(table, schema)
        notes += [unfollowed] if unfollowed else []
        sides = assign_sides(units, classes, (validation_size, test_size), generator)
    else:
        sides = split_sides(table, schema.split)[rows]
        if not (sides == TRAIN).any():
            raise TableError(f"split column {schema.split!r} has no train rows with an answer")
        refuse_parted_groups(table, schema, rows, sides)
        notes += _across(picture[rows], sides, schema.split)
        if not (sides == VALIDATION).any() and validation_size > 0:
            inner = np.flatnonzero(sides == TRAIN)
            sides[inner] = assign_sides(units[inner], classes[inner], (validation_size, 0.0), generator)
            notes.append(f"{(sides == VALIDATION).sum():,} validation rows were taken from train")
    one = len(np.unique(units)) == 1
    why = (
        ": every row asks about one picture, or about those of one group, which stay on one side"
        if one
        else ""
    )
    for side, size in ((VALIDATION, validation_size), (TEST, test_size)):
        if size > 0 and not (sides == side).any():
            notes.append(f"there is no row on the {NAMES[side]} side{why}")
    made = [rows[sides == side] for side in (TRAIN, VALIDATION, TEST)]
    return Split(made[0], made[1], made[2], tuple(notes))


def _across(picture: Rows, sides: npt.NDArray[np.int8], column: str) -> list[str]:
    """A note on pictures [n] that a split column has on several sides."""
    shown = picture >= 0
    # each picture once for each side that has it
    number, side = np.unique(np.stack([picture[shown], sides[shown]]), axis=1)
    across = np.bincount(number)[number] > 1
    count, tests = len(np.unique(number[across])), int((side[across] == TEST).sum())
    if not count:
        return []
    pictures = "1 picture is" if count == 1 else f"{count:,} pictures are"
    return [
        f"{pictures} asked about on several sides of split column {column!r} ({tests:,} on the test side): results "
        "will look better than they are"
    ]
