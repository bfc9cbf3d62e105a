"""Reference answers of questions: one or several a row, and the vocabulary that a model answers from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data.casting import text_of
from motet.data.normalised_answers import normalised_answer
from motet.data.schema import Schema
from motet.data.table import MAX_LISTED, CellIssue, Table, excerpt
from motet.errors import TableError, UsageError

Rows = npt.NDArray[np.int64]
# What only a list or a record begins with; an answer may well begin with "[laughs]" or "{x}".
_MEANT_AS_JSON = re.compile(r"""\s*(\[\s*["'\[{]|\{\s*["'])""")


@dataclass(frozen=True)
class Answers:
    """Reference answers of N rows, as they are written: none where a row has no answer.

    issues : cells that hold something else than text or a list of texts.
    """

    written: tuple[tuple[str, ...], ...]
    issues: tuple[CellIssue, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.written)

    @property
    def several(self) -> bool:
        """Whether some row has more than one reference answer."""
        return any(len(row) > 1 for row in self.written)

    def keys(self, row: int) -> list[str]:
        """The answers of a row in the form in which they are compared."""
        return [normalised_answer(text) for text in self.written[row]]

    def most_common(self, row: int) -> str:
        """The most common answer of a row that has one, as it is written first; of equally common ones the first."""
        keys = self.keys(row)
        return self.written[row][keys.index(max(dict.fromkeys(keys), key=keys.count))]


@dataclass(frozen=True)
class AnswerVocabulary:
    """The C answers that a model can give, the most common first, as they are mostly written; and how often each
    stands among the references of the rows that it was made of.

    left_out : how many further answers those rows have, and `left_out_count` how often they stand there.
    """

    answers: tuple[str, ...]
    counts: tuple[int, ...]
    left_out: int
    left_out_count: int


@dataclass(frozen=True)
class AnswerCounts:
    """How many references of each of N rows are which answer of a vocabulary.

    start [N + 1], numbers, counts : answer numbers[start[i]:start[i + 1]] of row i and how often each stands there.
    totals [N] : references of the row, also those that are not in the vocabulary.
    common [N] : number of the most common reference, of equally common ones the first; -1 where the row has none, and
        -2, -3, ... where it is not in the vocabulary, each such answer by a number of its own.
    size : C.
    """

    start: Rows
    numbers: Rows
    counts: Rows
    totals: Rows
    common: Rows
    size: int

    def dense(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Counts [n, C] of the given rows."""
        lengths = self.start[rows + 1] - self.start[rows]
        owner = np.repeat(np.arange(len(rows)), lengths)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        at = np.repeat(self.start[rows], lengths) + within
        made = np.zeros((len(rows), self.size), np.float32)
        made[owner, self.numbers[at]] = self.counts[at]
        return made

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which rows [N] have a reference that is in the vocabulary."""
        return np.diff(self.start) > 0

    def unseen_share(self, rows: Rows) -> float:
        """Share of the references of the given rows that are not in the vocabulary; 0 without any."""
        total = int(self.totals[rows].sum())
        before = np.concatenate([[0], np.cumsum(self.counts)])
        known = int((before[self.start[rows + 1]] - before[self.start[rows]]).sum())
        return 1 - known / total if total else 0.0


def read_answers(table: Table, schema: Schema) -> Answers:
    """Read the answer columns: each holds one answer a row, or a list of them; in CSV a list is written as JSON.

    Commas inside an answer stay. A list may hold text and numbers: `[1, 2]` is two answers. A cell that begins as a
    list or a record and is none is an issue, and no answer. Raises UsageError where no column is named, TableError
    where one is not there.
    """
    if not schema.answers:
        raise UsageError("no answer column is named: say which column holds the answers (--answer COLUMN)")
    lacking = [name for name in schema.answers if name not in table.columns]
    if lacking:
        raise TableError(
            f"{table.name} has no answer column {lacking[0]!r}: it has {list(table.columns)[:30]}"
        )
    issues: list[CellIssue] = []
    columns = [_column(table.column(name), name, issues) for name in schema.answers]
    written = [tuple(text for cell in row for text in cell) for row in zip(*columns, strict=True)]
    return Answers(tuple(written), tuple(issues))


def answer_vocabulary(answers: Answers, rows: Rows, most: int) -> AnswerVocabulary:
    """The `most` most common answers of the given rows. Raises TableError where they have fewer than two."""
    spelled: dict[str, Counter[str]] = {}
    for row in rows.tolist():
        for text in answers.written[row]:
            spelled.setdefault(normalised_answer(text), Counter())[text] += 1
    if len(spelled) < 2:
        what = f"the one answer {excerpt(next(iter(spelled)))!r}" if spelled else "no answer"
        raise TableError(f"the training rows have {what}: at least two different answers are needed")
    counted = {key: said.total() for key, said in spelled.items()}
    ranked = sorted(counted, key=lambda key: (-counted[key], key))
    kept, rest = ranked[:most], ranked[most:]
    return AnswerVocabulary(
        tuple(min(spelled[key], key=lambda text: (-spelled[key][text], text)) for key in kept),
        tuple(counted[key] for key in kept),
        len(rest),
        sum(counted[key] for key in rest),
    )


def count_answers(answers: Answers, vocabulary: Sequence[str]) -> AnswerCounts:
    """Count the references of each row by the answers of a vocabulary."""
    number = {normalised_answer(text): place for place, text in enumerate(vocabulary)}
    unseen: dict[str, int] = {}
    start, numbers, counts = [0], [], []
    common = np.full(len(answers), -1, np.int64)
    for row in range(len(answers)):
        said = Counter(answers.keys(row))  # in the order of the columns, so that of ties the first is taken
        if said:
            first = max(said, key=said.__getitem__)
            common[row] = number[first] if first in number else -2 - unseen.setdefault(first, len(unseen))
        for key, count in said.items():
            if key in number:
                numbers.append(number[key])
                counts.append(count)
        start.append(len(numbers))
    totals = np.array([len(row) for row in answers.written], np.int64)
    return AnswerCounts(
        np.array(start, np.int64),
        np.array(numbers, np.int64),
        np.array(counts, np.int64),
        totals,
        common,
        len(vocabulary),
    )


def _column(column: pa.ChunkedArray, name: str, issues: list[CellIssue]) -> list[tuple[str, ...]]:
    kind = str(column.type)
    if "list" in kind:
        cells: list[Any] = column.to_pylist()
    else:
        text, wrong = text_of(column, name)
        issues += wrong
        cells = [_json_list(value) for value in text.to_pylist()]
    made = []
    for row, cell in enumerate(cells):
        lost = isinstance(cell, str) and _MEANT_AS_JSON.match(cell)  # else it would be a list by now
        texts = [None] if lost else list(_texts(cell))
        if None in texts:
            if len(issues) < MAX_LISTED:
                issues.append(CellIssue(row, name, _reason(cell), excerpt(cell)))
            texts = []
        made.append(tuple(text.strip() for text in texts if text and text.strip()))
    return made


def _json_list(value: str | None) -> Any:
    """The list or the record that a cell holds as JSON, else the cell."""
    if value is None or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _reason(cell: Any) -> str:
    if isinstance(cell, list):
        return "a list of answers holds something that is neither text nor a number"
    return (
        'neither an answer nor a list of answers that can be read: write it as JSON, such as ["net", "a net"]'
    )


def _texts(cell: Any) -> Iterable[str | None]:
    """The answers of a cell; None for what is none. VQA's own records are {"answer": text, ...}."""
    for one in cell if isinstance(cell, list) else [cell]:
        value = one.get("answer", one) if isinstance(one, dict) else one
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, float):
            yield str(int(value)) if value.is_integer() else repr(value)
        elif isinstance(value, str | int):
            yield str(value)
        elif value is not None:
            yield None
