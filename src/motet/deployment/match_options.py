"""What a user may say about learning a space for pictures and words, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from motet.deployment.pooling import SaysPooling
from motet.deployment.split_options import check_split
from motet.errors import UsageError
from motet.tasks.match import LOCAL, check_objective
from motet.training.match_settings import MatchSettings

PARTS = MatchSettings(width=128, pictures=96, sentences=1, epochs=8, least_steps=200, patience=3)


@dataclass(frozen=True)
class MatchOptions(SaysPooling):
    """What a user may say; every default is `motet train --task match`'s.

    image_encoders, text_encoders, lexical, pooling, accept_licence, test_size, validation_size, seed, cache : as in
        `Options`.
    resume : an interrupted training of the same goes on where it was.
    objective, terms : see `tasks.match`; terms with their weights.
    training, parts : how the space of whole vectors is learned, and that of regions and words.
    """

    pooled = ("image", "text")
    image_encoders: tuple[str, ...] = ("auto",)
    text_encoders: tuple[str, ...] = ("auto",)
    lexical: bool = True
    pooling: tuple[str, ...] = ()
    objective: str = "infonce"
    terms: Mapping[str, float] = field(default_factory=dict)
    training: MatchSettings = field(default_factory=MatchSettings)
    parts: MatchSettings = PARTS
    accept_licence: bool = False
    test_size: float = 0.15
    validation_size: float = 0.15
    seed: int = 0
    cache: bool = True
    resume: bool = False

    def __post_init__(self) -> None:
        check_objective(self.objective, self.terms)
        if self.terms.get(LOCAL, 1) != 1:
            raise UsageError(
                "term local: what words and regions count beside the whole is chosen on validation pictures: "
                "leave the weight out"
            )
        self.check_pooling()
        check_split(self.test_size, self.validation_size, self.seed, of="pictures")

    @property
    def local(self) -> bool:
        """Whether words and regions are learned beside whole sentences and pictures."""
        return LOCAL in self.terms

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What the user names as encoders of a modality."""
        return self.image_encoders if modality == "image" else self.text_encoders
