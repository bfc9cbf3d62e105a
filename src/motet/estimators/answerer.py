"""Questions about pictures in Python: fit, predict, ask, score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from motet.data import infer_schema, read_table
from motet.estimators.base import Encoders, several
from motet.estimators.fitted import Fitted
from motet.estimators.parameters import Parameters
from motet.learning_wing import require_learning_wing
from motet.runtime import AnswerModel, Prediction


class VisualQuestionAnswerer(Fitted[AnswerModel], Parameters):
    """Answers questions about pictures from a vocabulary of answers, which it learns with the rest.

    Parameters
    ----------
    image_encoder, text_encoder : str, path, or several
        `auto` and `small` are learned from the questions; a model directory, a recommended name or a hub id is read as
        it is: its grid cells, patches and word pieces.
    fusion : str
        `auto`, or a strategy: `film`, `transformer`, `coattention`, `bilinear`, `concat`, ...
    image, question, answer : str or sequence of str
        Columns. Several answer columns, or lists in one, are several references of one question.
    vocabulary : int
        Answers that can be given at most, the most common ones.
    time_limit : float
        Seconds of training after which no further epoch begins.
    group, split, image_root, test_size, validation_size, accept_licence, seed
        As in `MultimodalClassifier`; all questions about one picture are on one side.

    Attributes
    ----------
    model_ : the fitted `motet.runtime.AnswerModel`.
    evaluation_ : what was measured on the test rows (the content of `evaluation.json`).
    """

    def __init__(
        self,
        *,
        image_encoder: Encoders = "auto",
        text_encoder: Encoders = "auto",
        fusion: str = "auto",
        image: str | Sequence[str] = "image",
        question: str = "question",
        answer: str | Sequence[str] = "answer",
        vocabulary: int = 3000,
        time_limit: float | None = None,
        group: str | None = None,
        split: str | None = None,
        image_root: str | Path | None = None,
        test_size: float = 0.0,
        validation_size: float = 0.15,
        accept_licence: bool = False,
        seed: int = 0,
    ) -> None:
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.fusion = fusion
        self.image = image
        self.question = question
        self.answer = answer
        self.vocabulary = vocabulary
        self.time_limit = time_limit
        self.group = group
        self.split = split
        self.image_root = image_root
        self.test_size = test_size
        self.validation_size = validation_size
        self.accept_licence = accept_licence
        self.seed = seed

    def fit(self, X: Any) -> Self:
        """Train on a table of pictures, questions and answers.

        Raises TableError for a table without answers, UsageError for a wrong call, and where what training needs is not
        installed.
        """
        require_learning_wing()
        from motet.deployment import AnswerOptions, build_answer_model

        table = read_table(X, image_root=self.image_root)
        schema = infer_schema(
            table,
            image=several(self.image),
            question=several(self.question),
            answer=several(self.answer),
            group=self.group,
            split=self.split,
        )
        options = AnswerOptions(
            image_encoders=several(self.image_encoder),
            text_encoders=several(self.text_encoder),
            fusion=self.fusion,
            vocabulary=self.vocabulary,
            time_limit=self.time_limit,
            accept_licence=self.accept_licence,
            test_size=self.test_size,
            validation_size=self.validation_size,
            seed=self.seed,
        )
        return self._build(AnswerModel, lambda place: build_answer_model(table, schema, place, options))

    def predict(self, X: Any) -> npt.NDArray[np.str_]:
        """The answer to each row [N]."""
        answers = self._fitted().predict(X, image_root=self.image_root)
        return np.array([one.prediction for one in answers], dtype=str)

    def predict_proba(self, X: Any) -> npt.NDArray[np.floating]:
        """Probabilities [N, C] of the answers, in the order of `model_.classes`."""
        return self._fitted().predict_proba(X, image_root=self.image_root)

    def ask(self, question: str | None = None, *, image: str | Path | bytes | None = None) -> Prediction:
        """The answer to one question about one picture; either may be left out."""
        return self._fitted().ask(question, image=image)

    def evaluate(self, X: Any, *, all_rows: bool = False, slices: Sequence[str] = ()) -> dict[str, Any]:
        """Measure on a table with reference answers: the content of `evaluation.json`."""
        return self._fitted().evaluate(X, image_root=self.image_root, all_rows=all_rows, slices=slices)

    def score(self, X: Any) -> float:
        """VQA accuracy of all rows that have an answer; where each has one, the share that is answered with it."""
        metrics = self.evaluate(X, all_rows=True)["overall"]["metrics"]
        return float(metrics.get("vqa_accuracy", metrics["accuracy"])["value"])
