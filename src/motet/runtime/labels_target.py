"""Any number of labels for each row: multi-label classification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.evaluation import label_table, multilabel_metrics, row_label_loss
from motet.model import PatternEntry
from motet.runtime.combination import LEAST, log_softmax
from motet.runtime.prediction import Contribution
from motet.runtime.target import Floats, Target, Truth

EVEN = 0.5  # the probability from which a label is given where rows tell no better
FEW_ROWS = 5  # with a label, or without it, below which they do not


class LabelsTarget(Target):
    """L labels, each there or not: O = L logits, a sigmoid each, log-loss a label.

    To combiners and temperatures a row is L answers of two classes, no and yes: [B, L, 2]. What is measured is judged:
    beside the probabilities [B, L] stands the probability from which each label is given, [B, 2 L].
    """

    kind = "labels"
    score = "micro_f1"
    prior_name = "prior"
    prior_words = "the share of each label"
    loss_words = "log-loss a label"

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels, self.outputs = labels, len(labels)

    def spread(self, logits: Floats) -> Floats:
        """[..., B, L] -> [..., B, L, 2]: no and yes."""
        return np.stack([np.zeros_like(logits), logits], axis=-1)

    def flat(self, combined: Floats, truth: Truth) -> tuple[Floats, Truth]:
        """Every label of every row as an answer of its own: [B L, 2], [B L]."""
        return combined.reshape(-1, 2), truth.ravel().astype(np.int64)

    def even_truth(self) -> Truth:
        """One row without labels."""
        return np.zeros((1, self.outputs), np.float32)

    def normal(self, combined: Floats) -> Floats:
        """Logarithms of the probabilities of no and yes."""
        return log_softmax(combined)

    def answers(self, combined: Floats) -> Floats:
        """Probabilities [B, L], which do not sum to one."""
        probabilities: Floats = np.exp(log_softmax(combined)[..., 1])
        return probabilities

    def row_losses(self, answers: Floats, truth: Truth) -> Floats:
        """Log-loss a label of each row, in nats; answers [B, L], judged or not."""
        probabilities = np.pad(answers[:, : self.outputs], ((0, 0), (0, truth.shape[1] - self.outputs)))
        yes, no = (np.log(np.maximum(p, LEAST)) for p in (probabilities, 1 - probabilities))
        return row_label_loss(yes, no, truth, self.outputs)

    def score_of(self, answers: Floats, truth: Truth) -> float:
        """Micro-F1; of answers that are not judged, with labels given from a probability above one half."""
        judged = answers.shape[1] > self.outputs
        given = self._parts(answers, truth)[1] if judged else answers > EVEN
        return float(2 * (given & (truth[:, : given.shape[1]] > 0)).sum() / max(given.sum() + truth.sum(), 1))

    def row_figures(self, answers: Floats, truth: Truth) -> dict[str, Floats]:
        """The share of labels of each row that are right, given from a probability above one half, and its loss."""
        right = ((answers > EVEN) == (truth[:, : self.outputs] > 0)).mean(axis=1)
        return {"label_accuracy": right, self.loss: self.row_losses(answers, truth)}

    def explained(self, answers: Floats) -> Callable[[Floats], Floats]:
        """The probability of each label [B, L]."""
        return lambda others: others

    def contribution(self, value: Any, told: Mapping[str, Any]) -> Contribution:
        """Of each label that is given."""
        shares = dict(zip(self.labels, value.tolist(), strict=True))
        return {label: shares[label] for label in told["prediction"]}

    def thresholds(self, answers: Floats, truth: Truth) -> tuple[float | None, ...]:
        """None: sets of classes are of one class a row."""
        return ()

    def cuts(self, answers: Floats, truth: Truth) -> tuple[float, ...]:
        """For each label the probability from which it is given: that with the highest F1 on held-out rows.

        One half where fewer than FEW_ROWS have it, or have it not; empty, and then one half too, without such rows.
        """
        if len(truth) == 0:
            return ()
        return tuple(best_cut(answers[:, k], truth[:, k] > 0) for k in range(self.outputs))

    def judged(self, answers: Floats, patterns: Sequence[str], entries: Mapping[str, PatternEntry]) -> Floats:
        """Probabilities, and the cut of each label in the pattern of the row: [B, 2 L]."""
        cuts = np.full_like(answers, EVEN)
        named = np.asarray(patterns)
        for pattern in np.unique(named):
            known = entries[str(pattern)].cuts if str(pattern) in entries else ()
            cuts[named == pattern] = known or EVEN
        return np.concatenate([answers, cuts], axis=1)

    def metrics(self, answers: Floats, truth: Truth, *, seed: int, draws: int = 1000) -> Mapping[str, Any]:
        """Micro-, macro- and sample F1, mAP, subset accuracy and log-loss of judged answers."""
        return multilabel_metrics(
            *self._parts(answers, truth), truth, known=self.outputs, seed=seed, draws=draws
        )

    def details(self, answers: Floats, truth: Truth) -> dict[str, Any]:
        """Scores of each label."""
        names = (*self.labels, *(f"(unseen {k + 1})" for k in range(truth.shape[1] - self.outputs)))
        return {"per_class": label_table(*self._parts(answers, truth), truth, names)}

    def worst(self, answers: Floats, truth: Truth) -> npt.NDArray[np.int64]:
        """Rows whose labels are not all right, the highest log-loss first."""
        _, given = self._parts(answers, truth)
        wrong = np.flatnonzero((given != (truth > 0)).any(axis=1))
        return wrong[np.argsort(-self.row_losses(answers[wrong], truth[wrong]), kind="stable")]

    def told(self, answers: Floats, entry: PatternEntry, coverage: float | None) -> list[dict[str, Any]]:
        """The labels that are given, likeliest first, and the probability of each."""
        given = answers >= (np.asarray(entry.cuts) if entry.cuts else EVEN)
        return [
            {
                "prediction": [self.labels[k] for k in np.argsort(-row, kind="stable") if has[k]],
                "probabilities": dict(zip(self.labels, row.tolist(), strict=True)),
            }
            for row, has in zip(answers, given, strict=True)
        ]

    def _parts(self, judged: Floats, truth: Truth) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Probabilities [B, L + U] and labels given: never those U that the model does not know."""
        probabilities, cuts = judged[:, : self.outputs], judged[:, self.outputs :]
        unseen = ((0, 0), (0, truth.shape[1] - self.outputs))
        return np.pad(probabilities, unseen), np.pad(probabilities >= cuts, unseen)


def best_cut(probabilities: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """The probability from which a label is given so that its F1 is highest, midway to the next below; [N], [N].

    EVEN where fewer than FEW_ROWS have it, or have it not.
    """
    if min(truth.sum(), (~truth).sum()) < FEW_ROWS:
        return EVEN
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    last = np.append(ranked[1:] != ranked[:-1], True)  # rows of equal probability are on one side
    best = int(np.argmax(np.where(last, f1, -1)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)
