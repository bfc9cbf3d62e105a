"""What a user may say about a model that answers questions, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from motet.deployment.pooling import SaysPooling
from motet.deployment.split_options import check_split
from motet.encoders import FROM_SCRATCH
from motet.errors import UsageError
from motet.fusion import FUSIONS
from motet.training.answer_settings import AnswerSettings

AUTO = "auto"
STRATEGY = "film"  # of `auto`


@dataclass(frozen=True)
class AnswerOptions(SaysPooling):
    """What a user may say; every default is `motet train --task answer`'s.

    image_encoders, text_encoders : `auto` and `small` are learned from the questions; others as in `Options`, whose
        tokens are read as they are.
    pooling, accept_licence, test_size, validation_size, slices, seed, cache : as there; shares are of rows, and all
        questions about one picture are on one side.
    fusion : of the tokens of both modalities; those that read no tokens get one vector of each, pooled by attention.
    vocabulary : answers that the model can give at most, the most common ones.
    resume : an interrupted training of the same goes on where it was.
    time_limit : seconds of training after which no further epoch begins.
    """

    image_encoders: tuple[str, ...] = (AUTO,)
    text_encoders: tuple[str, ...] = (AUTO,)
    lexical: bool = False
    fusion: str = AUTO
    pooling: tuple[str, ...] = ()
    vocabulary: int = 3000
    training: AnswerSettings = field(default_factory=AnswerSettings)
    time_limit: float | None = None
    accept_licence: bool = False
    test_size: float = 0.15
    validation_size: float = 0.15
    slices: tuple[str, ...] = ()
    seed: int = 0
    cache: bool = True
    resume: bool = False

    def __post_init__(self) -> None:
        if self.fusion not in (AUTO, *FUSIONS):
            raise UsageError(f"no fusion {self.fusion!r}: one of {', '.join((AUTO, *FUSIONS))}")
        if self.vocabulary < 2:
            raise UsageError(
                f"a vocabulary holds at least two answers, not {self.vocabulary}: raise it or leave it out"
            )
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"a time limit is a number of seconds above 0, not {self.time_limit!r}")
        self.check_pooling()
        check_split(self.test_size, self.validation_size, self.seed, of="rows")

    @property
    def strategy(self) -> str:
        """The fusion that is trained."""
        return STRATEGY if self.fusion == AUTO else self.fusion

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What encodes a modality: `small` where nothing else is named."""
        named = self.image_encoders if modality == "image" else self.text_encoders
        return tuple(FROM_SCRATCH if name == AUTO else name for name in named)
