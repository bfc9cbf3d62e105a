"""A table of pictures, questions and answers, read: what it says, and which rows are for what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Schema, Split, Table, cells
from motet.data.answers import (
    AnswerCounts,
    Answers,
    AnswerVocabulary,
    answer_vocabulary,
    count_answers,
    read_answers,
)
from motet.data.questions import DistinctCells, split_questions
from motet.deployment.answer_options import AnswerOptions
from motet.errors import TableError

Rows = npt.NDArray[np.int64]
STRATA = 50  # most common answers whose shares sides keep


@dataclass(frozen=True)
class AskedTable:
    """What a table says: answers, their vocabulary and counts, the different pictures and questions, and the sides."""

    answers: Answers
    vocabulary: AnswerVocabulary
    counts: AnswerCounts
    distinct: dict[str, DistinctCells]
    split: Split
    notes: list[str]
    issues: tuple[CellIssue, ...]

    @property
    def taught(self) -> Rows:
        """The training rows that teach: those with an answer of the vocabulary."""
        return self.split.train[self.counts.known[self.split.train]]


def read_asked_table(table: Table, schema: Schema, options: AnswerOptions) -> AskedTable:
    """What a table says; TableError where it has nothing to answer from."""
    by_modality = cells(table, schema)
    for modality, what in (("image", "pictures"), ("text", "questions")):
        option = "--image" if modality == "image" else "--question"
        if modality not in by_modality:
            raise TableError(
                f"{table.name}: no column has {what} to answer from: name it with {option} COLUMN"
            )
        if not by_modality[modality].present.any():
            columns = schema.inputs(modality)
            named = f"column{'s' if len(columns) > 1 else ''} {', '.join(map(repr, columns))}"
            raise TableError(
                f"{table.name}: no row has {what} to answer from: {named} "
                f"{'are' if len(columns) > 1 else 'is'} empty; fill the cells, or name another with {option} COLUMN"
            )
    beside = [modality for modality in by_modality if modality not in ("image", "text")]
    if beside:
        raise TableError(
            f"{table.name}: questions are answered from pictures and words, not from {beside[0]}"
        )
    answers = read_answers(table, schema)
    notes = [*table.notes]
    distinct: dict[str, DistinctCells] = {}
    for modality in ("image", "text"):
        distinct[modality], note = DistinctCells.of(by_modality[modality])  # type: ignore[arg-type]
        notes += [note] if note else []
    strata = answer_vocabulary(answers, np.arange(len(table)), STRATA)
    split = split_questions(
        table,
        schema,
        count_answers(answers, strata.answers),
        distinct["image"].number,
        test_size=options.test_size,
        validation_size=options.validation_size,
        seed=options.seed,
    )
    notes += split.notes
    vocabulary = answer_vocabulary(answers, split.train, options.vocabulary)
    counts = count_answers(answers, vocabulary.answers)
    if vocabulary.left_out:
        total = sum(vocabulary.counts) + vocabulary.left_out_count
        notes.append(
            f"the vocabulary holds the {len(vocabulary.answers):,} most common answers; {vocabulary.left_out:,} "
            f"others, {vocabulary.left_out_count / total:.1%} of all that training rows say, can never be given"
        )
    for name, rows in (("validation", split.validation), ("test", split.test)):
        share = counts.unseen_share(rows)
        if share:
            notes.append(f"{share:.1%} of the answers of {name} rows are other ones, never learned")
    issues = tuple(issue for one in by_modality.values() for issue in one.issues)
    return AskedTable(answers, vocabulary, counts, distinct, split, notes, (*answers.issues, *issues))
