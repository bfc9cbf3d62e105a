"""What a table holds for pretraining: pairs, and pictures or words alone; test rows are left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from motet.data import CellIssue, ImageCells, Schema, Table, TextCells, read_pairs, split_pairs
from motet.data.pairs import SENTENCE
from motet.data.splits import TEST, TRAIN, VALIDATION, split_sides
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
    lone_pictures, lone_rows = _alone(table, schema, pictures)
    # Only what is masked can be learned of one modality.
    lone_pictures = lone_pictures if PICTURES_TERM in settings.terms else lone_pictures[:0]
    lone_rows = lone_rows if TEXTS_TERM in settings.terms else lone_rows[:0]
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
    broken = np.setdiff1d(asked, image.readable(asked))
    train, held = (
        some[np.isin(pairs.rows[some], image.readable(pairs.rows[some]))] for some in (train, held)
    )
    if len(train) < 2:
        raise TableError(
            f"{table.name}: {len(train)} training {'pair has' if len(train) == 1 else 'pairs have'} a picture that can "
            "be decoded: pretraining tells pairs from one another, so it needs two at least, and learns from thousands"
        )
    rows = PretrainRows(
        image, text, pairs.rows, pairs.picture, pairs.same, image.readable(lone_pictures), lone_texts
    )
    notes = [*table.notes, *(_of_alone(note, schema, settings) for note in pairs.notes), *_said(said, sides)]
    if len(broken):
        first = ", ".join(str(row) for row in broken[:10])
        notes.append(
            f"{len(broken):,} of {len(asked):,} pictures cannot be decoded and are left out (rows {first}"
            f"{', ...' if len(broken) > 10 else ''})"
        )
    if not len(held):
        notes.append("no validation pairs: nothing could say when to stop, so training ran to its end")
    return PretrainCells(rows, train, held, tuple(notes), pairs.issues)


def _alone(table: Table, schema: Schema, pictures: ImageCells) -> tuple[Rows, Rows]:
    """Rows with a picture and no words, and with words and no picture, on the training side where there are sides."""
    worded = TextCells(table, schema.inputs("text")).present
    train = np.ones(len(table), bool)
    if schema.split is not None:
        train = split_sides(table, schema.split) == TRAIN
    return (
        np.flatnonzero(pictures.present & ~worded & train),
        np.flatnonzero(worded & ~pictures.present & train),
    )


def _texts(table: Table, schema: Schema, rows: Rows) -> list[str]:
    """The texts of some rows, one for each filled column."""
    columns = [TextCells(table, [name]) for name in schema.inputs("text")]
    return [text for one in columns for text in one.take(rows[one.present[rows]])]


def _one_column(table: Table, texts: list[str]) -> Table:
    return replace(table, data=pa.table({SENTENCE: pa.array(texts, pa.large_string())}), notes=())


def _of_alone(note: str, schema: Schema, settings: PretrainSettings) -> str:
    """A note on rows with one modality, as it is here: they teach, or a term that would learn from them is named."""
    if not note.endswith(LEFT_OUT):
        return note
    term = TEXTS_TERM if note.endswith(f"words and no picture{LEFT_OUT}") else PICTURES_TERM
    if term not in settings.terms:
        return f"{note} (--term {term} would learn from them)"
    where = " where the split column says train" if schema.split is not None else ""
    return note.removesuffix(LEFT_OUT) + f": they teach alone{where}"


def _said(notes: tuple[str, ...], sides: npt.NDArray[np.int8]) -> list[str]:
    """Notes of the split; that there is no test side says nothing here, that it was left alone does."""
    kept = [note for note in notes if not note.startswith("there is no picture")]
    tested = int((sides == TEST).sum())
    return [*kept, *([f"{tested:,} test pictures were left alone"] if tested else [])]
