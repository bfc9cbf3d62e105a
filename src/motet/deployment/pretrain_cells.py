"""What a table holds for pretraining: pairs, and pictures or words alone; test rows are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from motet.data import CellIssue, ImageCells, Pairs, Schema, Table, TextCells, read_pairs, split_pairs
from motet.data.pairs import SENTENCE
from motet.data.questions import DistinctCells
from motet.data.splits import TEST, TRAIN, VALIDATION, picture_units, split_sides
from motet.data.table import MAX_LISTED
from motet.deployment.cell_issues import refuse_unread, unread
from motet.errors import TableError
from motet.training.pretrain_rows import PretrainRows
from motet.training.pretrain_settings import PretrainSettings
from motet.training.small import make_small

Rows = npt.NDArray[np.int64]
PICTURES_TERM, TEXTS_TERM = "masked-patches", "masked-words"  # what learns from one modality alone
LEFT_OUT = ": left out"  # of a note of `read_pairs` on rows with one modality, which are learned from here


@dataclass(frozen=True)
class PretrainCells:
    """Networks and cells, the pairs that train, those that decide the epoch, what was noted, and broken cells."""

    rows: PretrainRows
    train: Rows
    held: Rows
    notes: tuple[str, ...]
    issues: tuple[CellIssue, ...]


def read_cells(
    table: Table, schema: Schema, validation_size: float, settings: PretrainSettings
) -> PretrainCells:
    """Read the pairs of a table and what stands alone, with a new `small` encoder for each modality.

    The tokenizer is learned from training texts. Raises TableError where fewer than two training pairs have a picture
    that can be decoded.
    """
    pairs = read_pairs(table, schema)
    sides, said = split_pairs(
        pairs, table, schema, test_size=0.0, validation_size=validation_size, seed=settings.seed
    )
    pictures = ImageCells(table, schema.inputs("image"))
    lone_pictures, lone_rows = _alone(table, schema, pictures, pairs, sides)
    # Only what is masked can be learned of one modality.
    lone_pictures = lone_pictures if PICTURES_TERM in settings.terms else lone_pictures[:0]
    lone_rows = lone_rows if TEXTS_TERM in settings.terms else lone_rows[:0]
    alone = {PICTURES_TERM: len(lone_pictures), TEXTS_TERM: len(lone_rows)}
    texts = pairs.sentences.take(np.arange(len(pairs.picture))) + _texts(table, schema, lone_rows)
    words = TextCells(_one_column(table, texts), [SENTENCE])
    lone_texts = np.arange(len(pairs.picture), len(texts))
    train, held = (np.flatnonzero(sides == side) for side in (TRAIN, VALIDATION))
    trained = np.concatenate([np.flatnonzero(sides[pairs.picture] == TRAIN), lone_texts])
    seen = np.flatnonzero(sides[pairs.picture] == VALIDATION)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        random = np.random.default_rng(settings.seed)
        image = make_small(
            "image", pictures, np.concatenate([pairs.rows[train], lone_pictures]), pairs.rows[held],
            settings.small, random,
        )  # fmt: skip
        text = make_small("text", words, trained, seen, settings.small, random)
    asked = np.concatenate([pairs.rows[train], pairs.rows[held], lone_pictures])
    read = np.isin(np.arange(len(table)), image.readable(asked))
    refuse_unread(pictures, read, asked, schema)
    broken = np.sort(asked[~read[asked]])
    lost = train[~read[pairs.rows[train]]]
    train, held = (some[read[pairs.rows[some]]] for some in (train, held))
    if TEXTS_TERM in settings.terms:  # a picture that cannot be decoded is one that is not there
        lone_texts = np.concatenate([np.flatnonzero(np.isin(pairs.picture, lost)), lone_texts])
    if len(train) < 2:
        spared = schema.split is None and len(train) + len(held) >= 2
        raise TableError(
            f"{table.name}: of different pictures with words {len(train)} can be decoded and train ({len(held)} for "
            "validation). Pretraining tells pairs from one another, so it needs two at least, and learns from thousands"
            + (": --val-size 0 (in Python validation_size=0) lets all of them train" if spared else "")
        )
    rows = PretrainRows(
        image, text, pairs.rows, pairs.picture, pairs.same, lone_pictures[read[lone_pictures]], lone_texts
    )
    notes = [*table.notes, *(_of_alone(note, alone, settings) for note in pairs.notes), *_said(said, sides)]
    if len(broken):
        first = ", ".join(str(row) for row in broken[:10])
        notes.append(
            f"{len(broken):,} of {len(asked):,} pictures cannot be decoded and are left out (rows {first}"
            f"{', ...' if len(broken) > 10 else ''})"
            + (
                f"; the words of {len(lost):,} teach alone"
                if len(lost) and TEXTS_TERM in settings.terms
                else ""
            )
        )
    shown = len(np.unique(pairs.row))
    if shown > len(pairs.rows):
        notes.append(
            f"{shown:,} rows show {len(pairs.rows):,} different pictures: rows with an equal picture are one pair"
        )
    if not len(held):
        notes.append("no validation pairs: nothing could say when to stop, so training ran to its end")
    return PretrainCells(
        rows, train, held, tuple(notes), (*pairs.issues, *unread(pictures, broken[:MAX_LISTED]))
    )


def _alone(
    table: Table, schema: Schema, pictures: ImageCells, pairs: Pairs, sides: npt.NDArray[np.int8]
) -> tuple[Rows, Rows]:
    """Rows with a picture and no words, once for each that no pair has, and with words and no picture.

    Left out is what has a row of its picture, or of its group, on another side than train.
    """
    worded = TextCells(table, schema.inputs("text")).present
    pictured = np.flatnonzero(pictures.present & ~worded)
    wordy = np.flatnonzero(worded & ~pictures.present)
    if not len(pictured) + len(wordy):
        return pictured, wordy
    distinct, _ = DistinctCells.of(pictures)
    _, unit = np.unique(picture_units(distinct.number, table, schema), return_inverse=True)
    of_row = np.full(len(table), TRAIN, np.int8) if schema.split is None else split_sides(table, schema.split)
    last = np.full(unit.max() + 1, TRAIN, np.int8)
    np.maximum.at(last, unit, of_row)
    np.maximum.at(last, unit[pairs.row], sides[pairs.picture])
    number = np.where(distinct.number < 0, -1 - np.arange(len(table)), distinct.number)
    pictured = pictured[(last[unit[pictured]] == TRAIN) & ~np.isin(number[pictured], number[pairs.rows])]
    _, first = np.unique(number[pictured], return_index=True)
    return pictured[np.sort(first)], wordy[last[unit[wordy]] == TRAIN]


def _texts(table: Table, schema: Schema, rows: Rows) -> list[str]:
    """The texts of some rows, one for each filled column."""
    columns = [TextCells(table, [name]) for name in schema.inputs("text")]
    return [text for one in columns for text in one.take(rows[one.present[rows]])]


def _one_column(table: Table, texts: list[str]) -> Table:
    return replace(table, data=pa.table({SENTENCE: pa.array(texts, pa.large_string())}), notes=())


def _of_alone(note: str, alone: Mapping[str, int], settings: PretrainSettings) -> str:
    """A note on rows with one modality, as it is here: how many teach, or which term would learn from them."""
    if not note.endswith(LEFT_OUT):
        return note
    term = TEXTS_TERM if note.endswith(f"words and no picture{LEFT_OUT}") else PICTURES_TERM
    if term not in settings.terms:
        return f"{note} (--term {term} would learn from them)"
    return note.removesuffix(LEFT_OUT) + f": {alone[term]:,} of them teach alone"


def _said(notes: tuple[str, ...], sides: npt.NDArray[np.int8]) -> list[str]:
    """Notes of the split; that there is no test side says nothing here, that it was left alone does."""
    kept = [note for note in notes if not note.startswith("there is no picture")]
    tested = int((sides == TEST).sum())
    return [*kept, *([f"{tested:,} test pictures were left alone"] if tested else [])]
