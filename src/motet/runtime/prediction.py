"""The answer to one row, the same record for JSON Lines, `--json`, REST and Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """One row's answer.

    id            the row's id, or its number where the table has no id column.
    prediction    the class, as text.
    confidence    its probability.
    pattern       the modalities that the row had: `image+text`, `text`, `none`.
    probabilities {class: probability}.
    issue         what was wrong with its cells, or None.
    """

    id: str | int
    prediction: str
    confidence: float
    pattern: str
    probabilities: dict[str, float]
    issue: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "id": self.id,
            "prediction": self.prediction,
            "confidence": self.confidence,
            "pattern": self.pattern,
            "probabilities": self.probabilities,
            "issue": self.issue,
        }
