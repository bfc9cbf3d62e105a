"""The options of augmentation: what each training row is changed by, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.preprocessing import Augmentation


def read_augmentation(
    views: int, image: str | None, text: str | None, synonyms: str | None, back_translate: list[str] | None
) -> Augmentation:
    """What the options say; UsageError where changes are named and no view is asked for."""
    from motet.errors import UsageError
    from motet.preprocessing import Augmentation

    if not views and (image or text or synonyms or back_translate):
        raise UsageError(
            "what to change is said, but not how often: add --augment 1 for a further view of each row"
        )
    usual = Augmentation()
    return Augmentation(
        views,
        image=usual.image if image is None else _listed(image),
        text=usual.text if text is None else _listed(text),
        synonyms=synonyms,
        back_translate=tuple(back_translate or ()),
    )


def _listed(said: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in said.split(","))
