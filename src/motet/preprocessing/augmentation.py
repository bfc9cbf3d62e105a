"""What a user may say about augmentation: how many further views of each training row, and by which changes."""

from __future__ import annotations

from dataclasses import dataclass

from motet.errors import UsageError
from motet.preprocessing.augment_images import IMAGE_CHANGES
from motet.preprocessing.augment_texts import TEXT_CHANGES
from motet.preprocessing.randaugment import parse_randaugment

MOST_VIEWS = 50
RANDAUGMENT, SYNONYM, TRANSLATE = "randaugment", "synonym", "translate"
NOTHING = ("none",)


@dataclass(frozen=True)
class Augmentation:
    """Further views of each training row; none by default.

    views : how many of each row.
    image : changes of each picture, all of them one after the other: crop, flip, rotate, jitter, grey, blur, erase,
        randaugment or randaugment:N:M; `none` leaves pictures as they are.
    text : changes of texts, of which each text of each view draws one: drop, swap, char-drop, char-swap, char-double,
        synonym, translate; `none` leaves texts as they are. Nothing named: drop and swap, synonym where a file of them
        is named, translate where models are.
    share : of the words of a text (half of it of the characters) that are changed, at least one.
    synonyms : a file of synonyms; None looks for WordNet.
    back_translate : directories of sequence-to-sequence models; a text goes through one after the other.
    """

    views: int = 0
    image: tuple[str, ...] = ("crop", "flip", "jitter")
    text: tuple[str, ...] = ()
    share: float = 0.1
    synonyms: str | None = None
    back_translate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        whole = isinstance(self.views, int) and not isinstance(self.views, bool)
        if not whole or not 0 <= self.views <= MOST_VIEWS:
            raise UsageError(
                f"augment: views of a row are a whole number from 0 to {MOST_VIEWS}, not {self.views!r}"
            )
        if not 0 < self.share < 1:
            raise UsageError(
                f"augment: the share of words to change is above 0 and below 1, not {self.share!r}"
            )
        for name in self.image:
            if name.split(":")[0] == RANDAUGMENT:
                parse_randaugment(name)
            elif name not in IMAGE_CHANGES and self.image != NOTHING:
                raise _unknown("picture", name, [*IMAGE_CHANGES, f"{RANDAUGMENT}[:N:M]"])
        for name in self.text:
            if name not in (*TEXT_CHANGES, SYNONYM, TRANSLATE) and self.text != NOTHING:
                raise _unknown("text", name, [*TEXT_CHANGES, SYNONYM, TRANSLATE])
        if TRANSLATE in self.text and not self.back_translate:
            raise UsageError(
                "augment: translate needs the directories of its models: --back-translate DIR, repeated"
            )
        for given, name in ((self.synonyms, SYNONYM), (self.back_translate, TRANSLATE)):
            if given and self.text and name not in self.text:
                raise UsageError(f"augment: {given} is not used: add {name} to the changes of texts")

    @property
    def image_changes(self) -> tuple[str, ...]:
        """Names of the changes of pictures."""
        return () if self.image == NOTHING else self.image

    @property
    def text_changes(self) -> tuple[str, ...]:
        """Names of the changes of texts."""
        if self.text:
            return () if self.text == NOTHING else self.text
        return ("drop", "swap", *[SYNONYM] * bool(self.synonyms), *[TRANSLATE] * bool(self.back_translate))


def _unknown(what: str, name: str, known: list[str]) -> UsageError:
    return UsageError(f"augment: no change of a {what} is called {name!r}: {', '.join(known)}, or none alone")
