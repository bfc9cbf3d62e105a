"""What keeps one modality from starving the others while a fused head is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from motet.errors import UsageError

DROPOUT = 0.2
KEYS = "dropout, curriculum, auxiliary, MODALITY.dropout or MODALITY.learning_rate"


@dataclass(frozen=True)
class Balance:
    """How fused heads treat their modalities; see Wang et al., "What Makes Training Multi-Modal Classification Networks
    Hard?", arXiv 1905.12681, for why they need it.

    dropout : chance that a row hides a modality, for each that it has; never the last one. curriculum : share of
    the schedule over which the chance grows from 0 to that, in equal steps of an epoch; 0 is all of it from the start.
    auxiliary : weight of the losses of the same head when it is shown one modality alone, their mean over modalities;
    0 leaves them out. dropout_of, learning_rate_of : by modality, its own chance, and what the learning rate of its
    projections is multiplied with.
    """

    dropout: float = DROPOUT
    curriculum: float = 0.0
    auxiliary: float = 0.0
    dropout_of: Mapping[str, float] = field(default_factory=dict)
    learning_rate_of: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, rate in {
            "dropout": self.dropout,
            **{f"{m}.dropout": r for m, r in self.dropout_of.items()},
        }.items():
            if not 0 <= rate < 1:
                raise UsageError(f"balance {name} is a chance, from 0 to below 1, not {rate:g}")
        if not 0 <= self.curriculum <= 1:
            raise UsageError(
                f"balance curriculum is a share of the training, from 0 to 1, not {self.curriculum:g}"
            )
        if not 0 <= self.auxiliary < np.inf:
            raise UsageError(f"balance auxiliary is a weight, 0 or more, not {self.auxiliary:g}")
        for modality, factor in self.learning_rate_of.items():
            if not 0 < factor < np.inf:
                raise UsageError(f"balance {modality}.learning_rate is a factor above 0, not {factor:g}")

    @classmethod
    def of(cls, said: Mapping[str, float]) -> Balance:
        """From `{"auxiliary": 0.3, "image.dropout": 0.5, ...}`, as users say it; raises UsageError for other keys."""
        plain: dict[str, float] = {}
        by_modality: dict[str, dict[str, float]] = {"dropout": {}, "learning_rate": {}}
        for key, value in said.items():
            modality, dot, name = key.rpartition(".")
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise UsageError(f"balance {key} is a number, not {value!r}")
            if dot and name in by_modality:
                by_modality[name][modality] = float(value)
            elif not dot and name in ("dropout", "curriculum", "auxiliary"):
                plain[name] = float(value)
            else:
                raise UsageError(f"no balance {key!r}: one of {KEYS}")
        return cls(**plain, dropout_of=by_modality["dropout"], learning_rate_of=by_modality["learning_rate"])

    def check(self, modalities: Sequence[str]) -> None:
        """Raise UsageError where it names a modality that is not there."""
        for modality in (*self.dropout_of, *self.learning_rate_of):
            if modality not in modalities:
                raise UsageError(f"balance names {modality!r}; the modalities are {', '.join(modalities)}")

    def rates(self, modalities: Sequence[str], along: float) -> npt.NDArray[np.float64]:
        """Chance [M] that a row hides each modality, at a place of the schedule, from 0 to 1."""
        whole = np.array([self.dropout_of.get(modality, self.dropout) for modality in modalities])
        return whole * (min(1.0, along / self.curriculum) if self.curriculum else 1.0)
