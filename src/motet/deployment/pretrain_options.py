"""What a user may say about pretraining, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from motet.deployment.split_options import check_split
from motet.training.pretrain_settings import PretrainSettings


@dataclass(frozen=True)
class PretrainOptions:
    """What a user may say; every default is that of `motet pretrain`.

    validation_size : share of the pairs that decide the epoch, where no split column says which.
    training : how the encoders are learned, its seed apart. seed : everything random follows from it.
    resume : an interrupted pretraining of the same goes on where it was.
    """

    validation_size: float = 0.1
    training: PretrainSettings = field(default_factory=PretrainSettings)
    seed: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError for a size that leaves nothing to train on, and a seed that is none."""
        check_split(0.0, self.validation_size, self.seed, of="pairs")
