"""What one epoch of a training gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from motet.errors import UsageError


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave: mean training loss, held-out loss and accuracy (null without such rows, or classes).

    alone : where curves were asked for, the held-out loss when each modality alone is shown, on the rows that have
        it, after a temperature: what the head has learned from it, and not how sure it is of that.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    alone: dict[str, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in `evaluation.json`; `alone` only where it was measured."""
        found = asdict(self)
        if self.alone is None:
            del found["alone"]
        return found


def check_epochs(epochs: object) -> None:
    """Raise UsageError for what is no number of epochs."""
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise UsageError(f"epochs are a number from 1, not {epochs!r}")
