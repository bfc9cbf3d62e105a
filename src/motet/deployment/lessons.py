"""Lessons of several tasks from one table: one picture network, and for each task the rows that may teach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from motet.data import ImageCells, Pairs, Schema, Table, TextCells, cells
from motet.data.questions import DistinctCells
from motet.data.splits import TEST, TRAIN, VALIDATION, picture_units
from motet.deployment.answer_options import AnswerOptions
from motet.deployment.answer_sources import ask_sources, not_enlarged
from motet.deployment.asked_table import read_asked_table
from motet.deployment.caption import written_sentences
from motet.deployment.caption_options import CaptionOptions
from motet.deployment.divided_pairs import divided_pairs
from motet.deployment.match import LIVE_PICTURES
from motet.deployment.match_options import MatchOptions
from motet.deployment.match_sources import MatchCells, encode_pairs, live_sources
from motet.encoders import FROM_SCRATCH
from motet.encoders.torch_small_vision import SmallVision
from motet.errors import TableError
from motet.fusion import Source
from motet.runtime.caption_tokens import CaptionTokens
from motet.training.answer_settings import SMALL
from motet.training.answer_sources import AskedSource
from motet.training.caption_words import learn_caption_tokenizer
from motet.training.lessons import AnswerLesson, CaptionLesson, Lesson, MatchLesson
from motet.training.match_side import LiveSource
from motet.training.small import Small, make_small

Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
TaskOptions = AnswerOptions | CaptionOptions | MatchOptions
NAME = f"image:{FROM_SCRATCH}"


@dataclass(frozen=True)
class Shared:
    """The picture network that is shared, and which of U different pictures may teach, or be held.

    number [N] : which of them each row of the table has, -1 for none. first [U] : the row that each is read from.
    """

    small: Small
    number: Rows
    first: Rows
    teaches: Bools
    held: Bools
    seed: int
    notes: list[str]

    def again(self) -> Small:
        """The network as it was before it learned anything."""
        network = self.small.network
        assert isinstance(network, SmallVision)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return replace(self.small, network=SmallVision(network.config))

    def read_from(self, rows: Rows) -> Rows:
        """The row whose cell is read for each of the given rows: equal files are one picture."""
        number = self.number[rows]
        return np.where(number < 0, rows, self.first[number])

    def rows(self, rows: Rows, which: Bools) -> Rows:
        """Those of the given rows of the table whose picture is among `which`."""
        number = self.number[rows]
        return rows[(number >= 0) & which[number]]


def share_pictures(
    table: Table, schemas: Mapping[str, Schema], tasks: Mapping[str, TaskOptions], seed: int
) -> Shared:
    """Begin the network. A picture that is held for, or tests, any task teaches none, nor do others of its group.

    Each task draws its own sides where the table has no split column, so that fewer pictures are left to teach.
    Raises TableError where none is, and UsageError from tasks whose columns are not there.
    """
    pictures = ImageCells(table, next(iter(schemas.values())).inputs("image"))
    distinct, _ = DistinctCells.of(pictures)
    teaches = np.zeros(len(distinct.rows), bool)
    tests, holds = teaches.copy(), teaches.copy()
    for name, options in tasks.items():
        for side, rows in _sides(table, schemas[name], options).items():
            number = distinct.number[rows]
            number = number[number >= 0]
            {TRAIN: teaches, VALIDATION: holds, TEST: tests}[side][number] = True
    before = int(teaches.sum())
    for schema in schemas.values():
        tests, holds = (_of_one_unit(table, schema, distinct.number, which) for which in (tests, holds))
    holds &= ~tests
    teaches &= ~(tests | holds)
    if not teaches.any():
        raise TableError(
            f"{table.name}: no picture is on the training side of every task: name a --split-column"
        )
    notes = []
    if teaches.sum() < before:
        notes.append(
            f"{before - teaches.sum():,} of {before:,} training pictures are held or test pictures of another task, "
            "and do not teach the shared network"
            + ("" if _split(schemas) else ": with --split-column all tasks have the same sides")
        )
    train, held = distinct.rows[teaches], distinct.rows[holds]
    settings = replace(SMALL, vision=not_enlarged(SMALL.vision, pictures, train))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        small = make_small("image", pictures, train, held, settings, np.random.default_rng(seed))
    readable = np.zeros(len(distinct.rows), bool)
    readable[teaches | holds] = np.isin(
        distinct.rows[teaches | holds], small.readable(distinct.rows[teaches | holds])
    )
    return Shared(small, distinct.number, distinct.rows, teaches & readable, holds & readable, seed, notes)


def make_lessons(
    table: Table, schemas: Mapping[str, Schema], tasks: Mapping[str, TaskOptions], shared: Shared
) -> dict[str, Lesson]:
    """What each task learns on the shared network."""
    made: dict[str, Lesson] = {}
    for name, options in tasks.items():
        if isinstance(options, AnswerOptions):
            made[name] = _answering(table, schemas[name], options, shared)
        elif isinstance(options, CaptionOptions):
            made[name] = _captioning(table, schemas[name], options, shared)
        else:
            made[name] = _matching(table, schemas[name], options, shared)
    return made


def _split(schemas: Mapping[str, Schema]) -> bool:
    return all(schema.split is not None for schema in schemas.values())


def _of_one_unit(table: Table, schema: Schema, number: Rows, which: Bools) -> Bools:
    """`which` [U] of the pictures, and those that stand in one group with one of them. number [N] : of each row."""
    if schema.group is None:
        return which
    _, unit = np.unique(picture_units(number, table, schema), return_inverse=True)
    shown = number >= 0
    marked = np.zeros(unit.max() + 1, bool)
    marked[unit[shown][which[number[shown]]]] = True
    found = which.copy()
    found[number[shown]] |= marked[unit[shown]]
    return found


def _sides(table: Table, schema: Schema, options: TaskOptions) -> dict[int, Rows]:
    """Rows of the table by the side that a task has them on."""
    if isinstance(options, AnswerOptions):
        split = read_asked_table(table, schema, options).split
        return {TRAIN: split.train, VALIDATION: split.validation, TEST: split.test}
    pairs, sides, _ = divided_pairs(table, schema, options)
    return {side: pairs.rows[sides == side] for side in (TRAIN, VALIDATION, TEST)}


def _teaching_and_held(pairs: Pairs, shared: Shared, table: Table) -> tuple[Rows, Rows]:
    """Numbers of the pictures of pairs that may teach, and of those that are held."""
    number = shared.number[pairs.rows]
    found = [np.flatnonzero((number >= 0) & which[number]) for which in (shared.teaches, shared.held)]
    _refuse_none(found[0], table, "sentences")
    return found[0], found[1]


def _refuse_none(train: Rows, table: Table, what: str) -> None:
    if not len(train):
        raise TableError(
            f"{table.name}: no picture with {what} is on the training side of every task: name a --split-column"
        )


def _answering(table: Table, schema: Schema, options: AnswerOptions, shared: Shared) -> Lesson:
    read = read_asked_table(table, schema, options)
    questions = cells(table, schema)["text"]
    assert isinstance(questions, TextCells)
    asked = ask_sources({"text": questions}, {"text": read.distinct["text"]}, read.split, options)
    mine = read.distinct["image"]
    picture = AskedSource(
        Source(NAME, "image", shared.small.network.width, read="tokens"),
        mine.number,
        small=shared.small,
        at=mine.rows,
    )
    train = shared.rows(read.taught, shared.teaches)
    _refuse_none(train, table, "questions")
    return AnswerLesson(
        [picture, *asked.sources],
        read.counts,
        train,
        shared.rows(read.split.validation, shared.held),
        options.strategy,
        replace(options.training, seed=options.seed),
    )


def _captioning(table: Table, schema: Schema, options: CaptionOptions, shared: Shared) -> Lesson:
    pairs, sides, _ = divided_pairs(table, schema, options)
    texts = pairs.sentences.take(np.arange(len(pairs.picture)))
    settings = replace(options.training, seed=options.seed)
    taught = [texts[at] for at in np.flatnonzero(sides[pairs.picture] == TRAIN)]
    tokens = CaptionTokens(learn_caption_tokenizer(taught, vocabulary=settings.vocabulary))
    written, _ = written_sentences(tokens, texts, pairs, settings.longest)
    train, held = _teaching_and_held(pairs, shared, table)
    return CaptionLesson(
        shared.small, shared.read_from(pairs.rows), written, tokens.size, train, held, settings
    )


def _matching(table: Table, schema: Schema, options: MatchOptions, shared: Shared) -> Lesson:
    pairs, sides, _ = divided_pairs(table, schema, options)
    given, words = MatchCells.of(table, schema, pairs), replace(options, image_encoders=())
    _, features = encode_pairs(given, sides, words)
    picture = LiveSource(NAME, shared.small, shared.read_from(pairs.rows))
    settings = replace(
        options.training,
        objective=options.objective,
        terms=dict(options.terms),
        pictures=min(options.training.pictures, LIVE_PICTURES),
        seed=options.seed,
    )
    train, held = _teaching_and_held(pairs, shared, table)
    live = {"image": picture, **live_sources(given, sides, words)}
    return MatchLesson(features, live, train, held, settings)
