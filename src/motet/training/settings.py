"""How a fused head is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from motet.training.balance import Balance


@dataclass(frozen=True)
class Settings:
    """How a fused head is trained."""

    epochs: int = 10
    least_steps: int = 60  # in all epochs together, so that small tables take more epochs
    rows_shown: int = 3_000_000  # in all epochs together, so that large tables take fewer
    patience: int = 4
    learning_rate: float = 3e-3
    warmup: float = 0.1  # share of all steps
    weight_decay: float = 0.05
    batch_size: int | None = None  # None: up to 512, growing with the table
    members: int = 2  # classifiers with different first weights, whose probabilities are averaged
    balance: Balance = field(default_factory=Balance)
    curves: bool = False  # whether each modality is measured alone after each epoch, which takes longer
    seed: int = 0

    def rows_a_batch(self, rows: int) -> int:
        """Batch size for this many training rows: 32 steps an epoch, but 96 to 512 rows, and at most a quarter."""
        return self.batch_size or max(1, min(512, max(96, rows // 32), -(-rows // 4)))

    def epochs_for(self, rows: int) -> int:
        """Epochs at most for this many training rows: at least 2."""
        steps = -(-rows // self.rows_a_batch(rows)) or 1
        return min(max(self.epochs, -(-self.least_steps // steps)), max(2, self.rows_shown // max(rows, 1)))
