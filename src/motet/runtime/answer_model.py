"""A model that answers questions about pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motet.data import Table, TextCells, cells
from motet.data.media import decode_image
from motet.data.picture_files import read_picture
from motet.data.question_words import known_questions
from motet.data.schema import READ
from motet.errors import MediaError, UsageError
from motet.runtime.long_questions import unread_tokens
from motet.runtime.model import Floats, Model
from motet.runtime.occlusion import Occlusion, occlude
from motet.runtime.prediction import Prediction


class AnswerModel(Model):
    """A `Model` whose classes are answers and whose text is a question."""

    tasks = ("answer",)
    purpose = "answer questions"

    @property
    def question(self) -> str:
        """Name of the column that questions are read from."""
        asked = [column.name for column in self.manifest.schema.columns if column.role == "question"]
        return asked[0] if asked else self.manifest.schema.inputs("text")[0]

    def ask(
        self, question: str | None = None, *, image: str | Path | bytes | None = None, explain: bool = False
    ) -> Prediction:
        """The answer to one question about one picture, a path that the caller chose or the bytes of a file.

        Either may be left out: the answer is then what the other tells, and `pattern` says so. An empty question is
        none. Raises UsageError for a picture that is not there, and for a question that is no text.
        """
        if question is not None and not isinstance(question, str):
            raise UsageError(
                f"a question is text, not a {type(question).__name__}: answer several with predict"
            )
        pictures = None if image is None else [read_picture(image)]
        return self.predict(self._asked([question], pictures), explain=explain)[0]

    def not_asked(self) -> list[str]:
        """A note where the model reads more than one question and one picture: `ask` leaves the rest absent."""
        read = [column.name for column in self.manifest.schema.columns if column.role in READ]
        known = {self.question, self.manifest.schema.inputs("image")[0]}
        further = [name for name in read if name not in known]
        if not further:
            return []
        return [
            f"the model reads {', '.join(further)} too, absent here: answer a table that has it with predict"
        ]

    def occlusion(self, question: str | None = None, *, image: str | Path | bytes | None = None) -> Occlusion:
        """What the answer to one question rests on: how much less probable it is without each word and region.

        A picture that cannot be decoded is none, as in `ask`, whose errors are raised.
        """
        picture = None if image is None else read_picture(image)
        try:
            if picture is not None:
                decode_image(picture)
        except MediaError:
            picture = None
        answer = str(self.ask(question, image=picture).prediction)
        place = self.classes.index(answer)

        def answers(questions: Sequence[str | None], pictures: Sequence[bytes | None]) -> Floats:
            shown = None if picture is None else pictures
            return self.predict_proba(self._asked(questions, shown))[:, place]

        return occlude(answers, question, picture, answer)

    def predict_windows(self, table: Table, **asked: Any) -> Iterator[list[Prediction]]:
        """As `Model` has it; a question unlike all that were learned, or that is not read whole, is an issue too."""
        known = known_questions(self.manifest.training)
        questions = cells(table, self.manifest.schema)["text"]
        assert isinstance(questions, TextCells)
        begin = 0
        for window in super().predict_windows(table, **asked):
            rows = np.arange(begin, begin + len(window))
            begin += len(window)
            texts = questions.take(rows)
            unread = unread_tokens(map(self.encoder, self.answering_sources), texts)
            yield [
                replace(
                    one, issue="; ".join(filter(None, (one.issue, known.issue(text), _cut(tokens)))) or None
                )
                for one, text, tokens in zip(window, texts, unread, strict=True)
            ]

    def evaluate(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        all_rows: bool = False,
        slices: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Measure the model on a table with reference answers: the content of `evaluation.json`."""
        from motet.runtime.evaluate_answers import evaluate_answers

        return evaluate_answers(
            self, self.read(source, image_root=image_root), all_rows=all_rows, slices=slices
        )

    def _asked(
        self, questions: Sequence[str | None], pictures: Sequence[bytes | None] | None
    ) -> dict[str, Sequence[Any]]:
        """Questions about pictures as columns of a table."""
        columns: dict[str, Sequence[Any]] = {self.question: questions}
        if pictures is not None:
            columns[self.manifest.schema.inputs("image")[0]] = pictures
        return columns


def _cut(tokens: int | None) -> str | None:
    return None if tokens is None else f"question: longer than the {tokens} tokens that are read of it"
