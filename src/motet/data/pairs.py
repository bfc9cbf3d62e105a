"""The pictures of a table and the sentences that belong to each: what matching and captioning learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data.duplicates import media_digests, normalised_digests, number_rows
from motet.data.image_cells import ImageCells
from motet.data.schema import Schema
from motet.data.splits import (
    NAMES,
    TEST,
    TRAIN,
    VALIDATION,
    assign_sides,
    picture_units,
    refuse_parted_groups,
    split_sides,
    unfollowed_split,
)
from motet.data.table import CellIssue, Table, excerpt
from motet.data.text_cells import TextCells
from motet.errors import TableError, UsageError

Rows = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]
MOSTLY = 0.5  # share of sentences that other pictures have too, from which that is noted
SENTENCE = "sentence"  # the column of the table that sentences become


@dataclass(frozen=True)
class Pairs:
    """P pictures and S sentences, each of which belongs to one picture.

    rows     [P] the first row of the table that has each picture; rows with equal files have one picture.
    sentences S cells, one sentence each.
    picture  [S] which of the pictures each sentence belongs to.
    same     [S] equal where two sentences are, but for case, punctuation and space.
    row, column_of [S] where in the table each sentence stands: its row, and which of `columns`.
    shared : notes on sentences that other pictures have too, by which matching is measured worse than it is.
    """

    rows: Rows
    sentences: TextCells
    picture: Rows
    same: Rows
    row: Rows
    columns: tuple[str, ...]
    column_of: Rows
    notes: tuple[str, ...] = ()
    issues: tuple[CellIssue, ...] = ()
    shared: tuple[str, ...] = ()


def read_pairs(table: Table, schema: Schema) -> Pairs:
    """Find the pictures of a table and their sentences: each text column of a row holds one sentence for its picture.

    Rows without a picture, and pictures without a sentence, are left out and counted in a note; another says where most
    sentences are those of other pictures too. Raises TableError where
    no row has both.
    """
    pictures, columns = ImageCells(table, schema.inputs("image")), schema.inputs("text")
    cells = [TextCells(table, [name]) for name in columns]
    worded = np.logical_or.reduce([made.present for made in cells] or [np.zeros(len(table), bool)])
    _refuse_none(table, schema, pictures, worded)
    with_picture = np.flatnonzero(pictures.present)
    digests, note = media_digests(pictures, with_picture)
    number = np.full(len(table), -1, np.int64)
    number[with_picture] = number_rows(digests)
    has_words = np.zeros(number.max() + 1, bool)
    has_words[number[pictures.present & worded]] = True
    kept = (number >= 0) & np.where(number >= 0, has_words[number], False)
    _, first, compact = np.unique(number[kept], return_index=True, return_inverse=True)
    rows = np.flatnonzero(kept)[first]
    picture_of_row = np.full(len(table), -1, np.int64)
    picture_of_row[kept] = compact
    said = [kept & made.present for made in cells]
    row = np.concatenate([np.flatnonzero(mine) for mine in said])
    column_of = np.repeat(np.arange(len(cells)), [int(mine.sum()) for mine in said])
    order = np.lexsort((column_of, row))  # a row's sentences stand together, in the order of its columns
    row, column_of = row[order], column_of[order]
    texts = np.empty(len(row), object)
    for place, made in enumerate(cells):
        mine = np.flatnonzero(column_of == place)
        for begin in range(0, len(mine), 1 << 16):
            some = mine[begin : begin + (1 << 16)]
            texts[some] = made.take(row[some])
    sentences = pa.table({SENTENCE: pa.array(texts, pa.large_string())})
    issues = [*pictures.issues, *(issue for made in cells for issue in made.issues)]
    picture, same = picture_of_row[row], number_rows(normalised_digests(texts.tolist()))
    shared = _shared_sentences(picture, same, texts)
    return Pairs(
        rows,
        TextCells(Table(sentences, table.root, table.name), [SENTENCE]),
        picture,
        same,
        row,
        columns,
        column_of,
        (*_left_out(pictures.present, worded, kept), *([note] if note else [])),
        tuple(issues),
        tuple(shared),
    )


def split_pairs(
    pairs: Pairs,
    table: Table,
    schema: Schema,
    *,
    test_size: float = 0.15,
    validation_size: float = 0.15,
    seed: int = 0,
) -> tuple[Sides, tuple[str, ...]]:
    """The side [P] of each picture (0 train, 1 validation, 2 test; -1 on none), and notes. A picture has one side.

    A split column is followed; a picture whose rows it puts on several sides is on the last of them, and those of its
    group with it, so that no test picture trains. Only where it has no validation rows are some taken from train.
    Without one, sides are drawn by the seed, and pictures of one group stay together. Raises TableError for a split
    column that parts a group, or leaves no picture to train on, UsageError for sizes that do.
    """
    if min(test_size, validation_size) < 0 or test_size + validation_size >= 1:
        raise UsageError("test and validation sizes must be 0 or more and leave pictures to train on")
    generator, notes = np.random.default_rng(seed), []
    units = _picture_units(pairs, table, schema)
    nothing = np.zeros(len(units), np.int64)  # no classes whose shares the sides should keep
    if schema.split is None:
        unfollowed = unfollowed_split(table, schema)
        notes += [unfollowed] if unfollowed else []
        sides = assign_sides(units, nothing, (validation_size, test_size), generator)
    else:
        of_row = split_sides(table, schema.split)[pairs.row]
        refuse_parted_groups(table, schema, pairs.row, of_row)
        lowest, highest = np.full(len(units), len(NAMES), np.int8), np.full(len(units), -1, np.int8)
        np.minimum.at(lowest, pairs.picture, of_row)
        np.maximum.at(highest, pairs.picture, of_row)
        across = int((lowest < highest).sum())
        last = np.full(len(units), -1, np.int8)
        np.maximum.at(last, units, highest)
        sides = last[units]
        if across:
            pictures = "1 picture stands" if across == 1 else f"{across:,} pictures stand"
            notes.append(
                f"{pictures} on several sides of split column {schema.split!r}: on the last of them here"
            )
        if not (sides == TRAIN).any():
            raise TableError(f"split column {schema.split!r} has no train rows with a picture and words")
        if not (sides == VALIDATION).any() and validation_size > 0:
            inner = np.flatnonzero(sides == TRAIN)
            sides[inner] = assign_sides(units[inner], nothing[inner], (validation_size, 0.0), generator)
            notes.append(f"{(sides == VALIDATION).sum():,} validation pictures were taken from train")
    for side, size in ((VALIDATION, validation_size), (TEST, test_size)):
        if (size > 0 or schema.split is not None) and not (sides == side).any():
            notes.append(f"there is no picture on the {NAMES[side]} side")
    return sides, tuple(notes)


def _picture_units(pairs: Pairs, table: Table, schema: Schema) -> Rows:
    """A number [P], below P, that is equal for pictures which some row puts in one group."""
    number = np.full(len(table), -1, np.int64)
    number[pairs.row] = pairs.picture
    _, first = np.unique(pairs.picture, return_index=True)
    units = picture_units(number, table, schema)[pairs.row[first]]
    return np.unique(units, return_inverse=True)[1].astype(np.int64)


def _refuse_none(table: Table, schema: Schema, pictures: ImageCells, worded: npt.NDArray[np.bool_]) -> None:
    for modality, what, there in (("image", "picture", pictures.present), ("text", "words", worded)):
        columns = schema.inputs(modality)
        if not columns:
            raise TableError(
                f"{table.name}: no column of {what} to learn pairs from: name one with --{modality} COLUMN "
                f"(in Python {modality}=)"
            )
        if not there.any():
            raise TableError(
                f"{table.name}: no row has {what} (columns: {', '.join(columns)}): there are no pairs"
            )
    if not (pictures.present & worded).any():
        raise TableError(
            f"{table.name}: no row has both a picture and words, so there are no pairs to learn from"
        )


def _left_out(
    pictured: npt.NDArray[np.bool_], worded: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]
) -> list[str]:
    found = []
    for rows, what in (
        (int((worded & ~pictured).sum()), "words and no picture"),
        (int((pictured & ~kept).sum()), "a picture and no words"),
    ):
        if rows:
            found.append(f"{rows:,} {'row has' if rows == 1 else 'rows have'} {what}: left out")
    return found


def _shared_sentences(picture: Rows, same: Rows, texts: npt.NDArray[np.object_]) -> list[str]:
    """A note where most sentences [S] are also those of another picture: measured by pictures, they seem wrong."""
    said = np.unique(np.stack([same, picture]), axis=1)[0]  # once for each picture that has it
    pictures = np.bincount(said)[same]
    shared = int((pictures > 1).sum())
    if shared < MOSTLY * len(same):
        return []
    usual = excerpt(texts[int(pictures.argmax())])
    if (same == same[0]).all():
        return [
            f"all {len(same):,} sentences are the same, {usual!r}: words tell no picture from another, and recall, "
            "which counts a picture's own sentences, is that of chance"
        ]
    return [
        f"{shared:,} of {len(same):,} sentences are those of other pictures too, such as {usual!r} of "
        f"{pictures.max():,}: recall counts a picture's own, so equal ones count as wrong"
    ]
