"""What a model answers with: how logits become an answer, what an answer costs, how it is measured and told.

B rows. A head gives logits [B, O]; heads are combined (`runtime.combination`), divided by a temperature, and what comes
out is `combined`. Training, selection, prediction and evaluation all ask the one target of a model.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from motet.data import TargetKind
from motet.evaluation import class_table, classification_metrics, row_log_loss
from motet.model import PatternEntry, TargetEntry
from motet.runtime.combination import LEAST, log_softmax
from motet.runtime.prediction import Contribution
from motet.runtime.prediction_sets import fit_thresholds, prediction_sets, threshold_at

Floats = npt.NDArray[np.floating]
Truth = npt.NDArray[Any]  # class numbers [B], numbers [B], or labels [B, C]


class Target(ABC):
    """One of three: a class, a number, or any number of labels for each row.

    loss, score : names of what candidates are chosen by, and of what is shown beside it. calibrated : whether answers
    are probabilities, which a temperature makes as sure as they should be. outputs : O.
    """

    kind: ClassVar[TargetKind]
    task: ClassVar[str] = "classify"
    loss: ClassVar[str] = "log_loss"
    score: ClassVar[str] = "accuracy"
    calibrated: ClassVar[bool] = True
    confident: ClassVar[bool] = False  # whether an answer has one confidence
    prior_name: ClassVar[str] = "majority"  # the baseline that looks at nothing
    prior_words: ClassVar[str] = "the share of each class"
    loss_words: ClassVar[str] = "log-loss"
    usual_way: ClassVar[str] = "late-product"  # with the fewest assumptions, where nothing can be compared
    outputs: int

    @property
    def entry(self) -> TargetEntry:
        """As it stands in `motet.json`."""
        return TargetEntry(self.kind)

    def spread(self, logits: Floats) -> Floats:
        """Logits of heads [..., B, O] as combiners read them: here as they are."""
        return logits

    def flat(self, combined: Floats, truth: Truth) -> tuple[Floats, Truth]:
        """Combined logits [n, C] and truth [n] as answers of one class each."""
        return combined, truth

    def counts(self, truth: Truth) -> Floats:
        """How much each row [n] counts, 1 on average, where held-out answers are compared and calibrated."""
        return np.ones(len(truth))

    def even_truth(self) -> Truth:
        """What may be true of one row that tells nothing."""
        return np.zeros(1, np.int64)

    @abstractmethod
    def normal(self, combined: Floats) -> Floats:
        """Combined logits of one answer in their one form: logarithms of probabilities, or as they are."""

    @abstractmethod
    def answers(self, combined: Floats) -> Floats:
        """Probabilities [B, C] of the classes or labels; numbers [B, 1]."""

    @abstractmethod
    def row_losses(self, answers: Floats, truth: Truth) -> Floats:
        """What each answer costs [B]."""

    def losses(self, combined: Floats, truth: Truth) -> Floats:
        """What each row costs [B], from combined logits, as much as it counts where candidates are chosen."""
        return self.row_losses(self.answers(combined), truth)

    @abstractmethod
    def score_of(self, answers: Floats, truth: Truth) -> float:
        """The score of answers, judged or not: higher is better; NaN where it is not defined."""

    def figures(self, answers: Floats, truth: Truth) -> dict[str, float | None]:
        """Score and mean loss of answers, judged or not, by name; null where the score is not defined."""
        score = self.score_of(answers, truth)
        loss = float(self.row_losses(answers, truth).mean())
        return {self.score: score if math.isfinite(score) else None, self.loss: loss}

    def row_figures(self, answers: Floats, truth: Truth) -> dict[str, Floats]:
        """The loss of each row [B], and where rows have one a score, by name."""
        return {self.loss: self.row_losses(answers, truth)}

    @abstractmethod
    def explained(self, answers: Floats) -> Callable[[Floats], Floats]:
        """What an explanation of these answers divides among modalities: of other answers to the same rows [B, ...] the
        part that was answered [B] or [B, K]."""

    def contribution(self, value: Any, told: Mapping[str, Any]) -> Contribution:
        """A modality's share [] or [K] of what is `explained` of a row, as its Prediction has it."""
        return float(value)

    @abstractmethod
    def thresholds(self, answers: Floats, truth: Truth) -> tuple[float | None, ...]:
        """Of prediction sets or intervals at each of LEVELS, from held-out answers; empty where there are none."""

    def cuts(self, answers: Floats, truth: Truth) -> tuple[float, ...]:
        """For each label the probability from which it is given; empty where there are none."""
        return ()

    def judged(self, answers: Floats, patterns: Sequence[str], entries: Mapping[str, PatternEntry]) -> Floats:
        """Answers [B, ...] as they are measured, from the patterns [B] of the rows: here as they are."""
        return answers

    @abstractmethod
    def metrics(self, answers: Floats, truth: Truth, *, seed: int, draws: int = 1000) -> Mapping[str, Any]:
        """Each {"value", "low", "high"}."""

    @abstractmethod
    def details(self, answers: Floats, truth: Truth) -> dict[str, Any]:
        """What else `evaluation.json` says: of each class."""

    @abstractmethod
    def worst(self, answers: Floats, truth: Truth) -> npt.NDArray[np.int64]:
        """Rows [n] that were answered wrongly, the worst first."""

    @abstractmethod
    def told(self, answers: Floats, entry: PatternEntry, coverage: float | None) -> list[dict[str, Any]]:
        """For each row of one pattern what its Prediction says of the answer."""


class ClassTarget(Target):
    """One of several classes: O = C logits, a softmax, log-loss.

    balance [C] : how much a row of each class counts where held-out answers are compared and calibrated; None for all
    alike.
    """

    kind = "class"
    confident = True

    def __init__(self, classes: tuple[str, ...], balance: Floats | None = None) -> None:
        self.classes, self.outputs, self.balance = classes, len(classes), balance

    @property
    def loss_words(self) -> str:  # type: ignore[override]
        """What candidates are chosen by."""
        return "log-loss" if self.balance is None else "log-loss with every class counted alike"

    def counts(self, truth: Truth) -> Floats:
        """By the class of each row."""
        if self.balance is None or not len(truth):
            return super().counts(truth)
        counts: Floats = self.balance[truth] / self.balance[truth].mean()
        return counts

    def normal(self, combined: Floats) -> Floats:
        """Logarithms of probabilities [B, C]."""
        return log_softmax(combined)

    def answers(self, combined: Floats) -> Floats:
        """Probabilities [B, C]."""
        probabilities: Floats = np.exp(log_softmax(combined))
        return probabilities

    def row_losses(self, answers: Floats, truth: Truth) -> Floats:
        """Log-loss of each row, in nats."""
        return row_log_loss(np.log(np.maximum(answers, LEAST)), truth)

    def losses(self, combined: Floats, truth: Truth) -> Floats:
        """The same from combined logits, times what a row of its class counts."""
        return self.counts(truth) * row_log_loss(log_softmax(combined), truth)

    def score_of(self, answers: Floats, truth: Truth) -> float:
        """Accuracy."""
        return float((answers.argmax(axis=1) == truth).mean())

    def row_figures(self, answers: Floats, truth: Truth) -> dict[str, Floats]:
        """Whether each row is right, and its log-loss."""
        right = (answers.argmax(axis=1) == truth).astype(np.float64)
        return {self.score: right, self.loss: self.row_losses(answers, truth)}

    def explained(self, answers: Floats) -> Callable[[Floats], Floats]:
        """The probability of the class that is answered [B]."""
        best = answers.argmax(axis=1)
        return lambda others: others[np.arange(len(best)), best]

    def thresholds(self, answers: Floats, truth: Truth) -> tuple[float | None, ...]:
        """Of adaptive prediction sets."""
        return fit_thresholds(answers, truth)

    def metrics(self, answers: Floats, truth: Truth, *, seed: int, draws: int = 1000) -> Mapping[str, Any]:
        """Accuracy, macro-F1, log-loss and expected calibration error."""
        return classification_metrics(answers, truth, seed=seed, draws=draws)

    def details(self, answers: Floats, truth: Truth) -> dict[str, Any]:
        """Scores of each class, and the confusion matrix."""
        return class_table(answers, truth, self.classes)

    def worst(self, answers: Floats, truth: Truth) -> npt.NDArray[np.int64]:
        """Mistakes, the most confident first."""
        wrong = np.flatnonzero(answers.argmax(axis=1) != truth)
        return wrong[np.argsort(-answers[wrong].max(axis=1), kind="stable")]

    def told(self, answers: Floats, entry: PatternEntry, coverage: float | None) -> list[dict[str, Any]]:
        """The most probable class, its probability, and the set of a coverage, likeliest first."""
        best = answers.argmax(axis=1)
        made = [
            {
                "prediction": self.classes[best[row]],
                "confidence": float(answers[row, best[row]]),
                "probabilities": dict(zip(self.classes, answers[row].tolist(), strict=True)),
            }
            for row in range(len(answers))
        ]
        if coverage is not None:
            inside = prediction_sets(answers, threshold_at(entry.thresholds, coverage))
            for row, one in enumerate(made):
                ranked = np.argsort(-answers[row], kind="stable")
                one["classes"] = tuple(self.classes[k] for k in ranked if inside[row, k])
        return made
