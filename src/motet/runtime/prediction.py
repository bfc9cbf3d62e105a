"""The answer to one row, the same record for JSON Lines, `--json`, REST and Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Contribution = float | dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """One row's answer.

    id            the row's id, or its number where the table has no id column.
    prediction    the class, as text; or the number; or the list of labels, likeliest first.
    confidence    the probability of the class; None for a number or labels.
    pattern       the modalities that the row had: `image+text`, `text`, `none`.
    probabilities {class or label: probability}; None for a number.
    issue         what was wrong with its cells, or None.
    classes       where a coverage was asked for: the classes that hold the right one with that chance, likeliest first.
    interval      where a coverage was asked for: ends between which the number lies with that chance; None where too
                  few rows could tell.
    contributions where an explanation was asked for: {modality: what it adds to the confidence, or to the number}, of
                  those that the row has; of labels {modality: {label that is given: what it adds to its probability}}.
                  The sum is the answer less what it is when nothing is shown.
    abstain       where a least confidence was asked for: whether this answer has less, and a person should look.
    """

    id: str | int
    prediction: str | float | list[str]
    pattern: str
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    issue: str | None = None
    classes: tuple[str, ...] | None = None
    interval: tuple[float | None, float | None] | None = None
    abstain: bool | None = None
    contributions: dict[str, Contribution] | None = None

    def explained(self) -> list[tuple[str, float, dict[str, float]]]:
        """Each thing that was answered: name, probability or number, and what each modality adds to that."""
        if self.contributions is None:
            return []
        if not isinstance(self.prediction, list):
            whole = self.prediction if isinstance(self.prediction, float) else self.confidence
            shares = {name: value for name, value in self.contributions.items() if isinstance(value, float)}
            name = self.prediction if isinstance(self.prediction, str) else f"{self.prediction:g}"
            return [(name, whole or 0.0, shares)]
        by_modality = {name: value for name, value in self.contributions.items() if isinstance(value, dict)}
        return [
            (label, (self.probabilities or {})[label], {name: by[label] for name, by in by_modality.items()})
            for label in self.prediction
        ]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; what was asked for (`set`, `interval`, `abstain`, `contributions`) only where it was."""
        asked: dict[str, Any] = {}
        if self.classes is not None:
            asked["set"] = list(self.classes)
        if self.interval is not None:
            asked["interval"] = list(self.interval)
        if self.abstain is not None:
            asked["abstain"] = self.abstain
        if self.contributions is not None:
            asked["contributions"] = self.contributions
        return {
            "id": self.id,
            "prediction": self.prediction,
            "confidence": self.confidence,
            "pattern": self.pattern,
            "probabilities": self.probabilities,
            "issue": self.issue,
            **asked,
        }
