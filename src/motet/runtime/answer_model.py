"""A model that answers questions about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motet.data.media import read_media
from motet.errors import MediaError, UsageError
from motet.runtime.model import Model
from motet.runtime.prediction import Prediction


class AnswerModel(Model):
    """A `Model` whose classes are answers and whose text is a question."""

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
        none. Raises UsageError for a picture that is not there.
        """
        row: dict[str, list[Any]] = {self.question: [question]}
        if image is not None:
            try:
                data = image if isinstance(image, bytes) else read_media(Path(image))
            except MediaError as error:
                raise UsageError(f"picture {image!s}: {error}") from error
            row[self.manifest.schema.inputs("image")[0]] = [data]
        return self.predict(row, explain=explain)[0]

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
