"""What a user may say about learning captions, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from motet.deployment.pooling import SaysPooling
from motet.deployment.split_options import check_split
from motet.encoders import is_small, small_start
from motet.errors import UsageError
from motet.runtime.decoding import Decoding
from motet.training.caption_settings import CaptionSettings

LEAST_VOCABULARY = 259  # the bytes, padding, start and end


@dataclass(frozen=True)
class CaptionOptions(SaysPooling):
    """What a user may say; every default is `motet train --task caption`'s.

    image_encoders : one, frozen, whose tokens are read.
    pooling : of the features by which the nearest training picture, the baseline, is found.
    accept_licence, test_size, validation_size, seed, cache : as in `Options`.
    decoder : the directory of a causal language model that writes the words; None: a small one is learned.
    resume : an interrupted training of the same goes on where it was.
    training : how the decoder is learned.
    beams, length_penalty, no_repeat : how it decodes unless told otherwise, and how it is measured (`Decoding`).
    """

    pooled = ("image",)
    image_encoders: tuple[str, ...] = ("auto",)
    pooling: tuple[str, ...] = ()
    decoder: str | None = None
    training: CaptionSettings = field(default_factory=CaptionSettings)
    beams: int = 3
    length_penalty: float = 1.0
    no_repeat: int = 3
    accept_licence: bool = False
    test_size: float = 0.15
    validation_size: float = 0.15
    seed: int = 0
    cache: bool = True
    resume: bool = False

    def __post_init__(self) -> None:
        if len(self.image_encoders) != 1:
            raise UsageError(
                f"captions are written over the tokens of one picture encoder, not of {len(self.image_encoders)}"
            )
        if any(map(is_small, self.image_encoders)):
            start = small_start(self.image_encoders)
            raise UsageError(
                "captions are written over a picture encoder that stays as it is, and `small` would be learned with "
                + (
                    f"them: name {start} without `small:`"
                    if start
                    else "them: name a pretrained one, or `descriptor`"
                )
            )
        vocabulary = self.training.vocabulary
        if not isinstance(vocabulary, int) or vocabulary < LEAST_VOCABULARY:
            raise UsageError(
                f"a vocabulary holds at least {LEAST_VOCABULARY} tokens (256 are the bytes), not {vocabulary!r}"
            )
        Decoding(
            beams=self.beams,
            length_penalty=self.length_penalty,
            longest=self.training.longest,
            no_repeat=self.no_repeat,
        )
        if self.training.rank < 0:
            raise UsageError(f"a rank is 0 or more, not {self.training.rank}")
        if self.training.rank and self.decoder is None:
            raise UsageError("--lora changes the attention of a language model: name one with --decoder")
        self.check_pooling()
        check_split(self.test_size, self.validation_size, self.seed, of="pictures")

    @property
    def lexical(self) -> bool:
        """No lexical source: sentences are what is learned, and are not read."""
        return False

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What the user names as encoders of a modality: of pictures alone."""
        return self.image_encoders if modality == "image" else ()
