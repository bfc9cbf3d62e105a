"""Rows and their further views: which cells they are read from, what their features are, and what making them costs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motet.data import Cells, ImageCells, TextCells
from motet.encoders import Encoder, FeatureCache, FeatureTable, cache_directory, features_of, source_name
from motet.preprocessing import augment_images, augment_texts
from motet.preprocessing.augmentation import RANDAUGMENT, SYNONYM, TRANSLATE, Augmentation
from motet.preprocessing.randaugment import parse_randaugment
from motet.preprocessing.synonyms import read_synonyms, wordnet_synonyms
from motet.preprocessing.views import ImageViews, TextViews, Translate

log = logging.getLogger("motet")
Rows = npt.NDArray[np.int64]
WARM, TIMED = 4, 32  # rows that are encoded to tell how long all will take


@dataclass(frozen=True)
class ViewedRows:
    """N rows of a table and, after them, further views of some: M in all.

    cells : of each modality; those that augmentation changes hold the views too. own : N. numbers [M] : by which such
    cells know each. origin [M] : the place among the N rows that each is a view of; of a row itself, its own.
    unlabelled : the last of the N places, of rows without a label, which have no views.
    """

    cells: Mapping[str, Cells]
    own: int
    numbers: Rows
    origin: Rows
    unlabelled: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    def changes(self, modality: str) -> bool:
        """Views differ from their rows in this modality."""
        return isinstance(self.cells[modality], ImageViews | TextViews)

    def with_views(self, places: Rows) -> Rows:
        """The given of the N places, and after them those of their views."""
        return np.concatenate([places, self.own + np.flatnonzero(np.isin(self.origin[self.own :], places))])

    def with_all(self, places: Rows) -> Rows:
        """The given places of rows with a label, those of rows without, and those of views, in this order."""
        return np.sort(np.concatenate([self.with_views(places), self.unlabelled]))

    def learn(self, encoder: Encoder, places: Rows) -> None:
        """Fit an encoder on rows themselves, those without a label among them, for it looks at no labels.

        A view is no document and no measurement of its own.
        """
        rows = np.concatenate([places[places < self.own], self.unlabelled])
        encoder.fit(self.cells[encoder.modality], self.numbers[rows])

    def features(
        self,
        encoder: Encoder,
        places: Rows | None = None,
        *,
        cache: FeatureCache | None = None,
        tokens: bool = False,
    ) -> FeatureTable:
        """Features of the given places, of all M unless told, in their order; with tokens where they are asked for."""
        column = self.cells[encoder.modality]
        numbers = self.numbers if places is None else self.numbers[places]
        if self.changes(encoder.modality) or encoder.learns:
            known = numbers if self.changes(encoder.modality) else numbers % len(column)
            return features_of(encoder, column, known, cache=cache, tokens=tokens)
        made = features_of(encoder, column, self.numbers[: self.own], cache=cache, tokens=tokens)
        if len(self.origin) == self.own and places is None:
            return made
        of = self.origin if places is None else self.origin[places]
        return replace(made.part(of), issues=made.issues)


def add_views(
    cells: Mapping[str, Cells],
    rows: Rows,
    fit: Rows,
    augmentation: Augmentation,
    seed: int,
    notes: list[str],
    *,
    labelled: int | None = None,
) -> ViewedRows:
    """The given rows [N] of a table, and views of those at the places `fit`; what was done is added to `notes`.

    labelled : how many of the rows, the first, have a label (default: all).

    Raises UsageError for synonyms, EncoderError for a translating model that cannot be read.
    """
    images, texts = augmentation.image_changes, augmentation.text_changes
    said = [f"{len(rows[fit]):,} rows"]
    views = augmentation.views
    made: dict[str, Cells] = {}
    for modality, column in cells.items() if views else ():
        if isinstance(column, ImageCells) and images:
            made[modality] = ImageViews(column, views, {name: _image_change(name) for name in images}, seed)
            said.append(f"pictures changed by {', '.join(images)}")
        elif isinstance(column, TextCells) and texts:
            named = {name: _text_change(name, augmentation) for name in texts if name != TRANSLATE}
            translate = _translate(augmentation) if TRANSLATE in texts else None
            made[modality] = TextViews(column, views, named, augmentation.share, seed, translate=translate)
            said.append(f"words by one of {', '.join(texts)}")
    if views and not made:
        notes.append("--augment (in Python augment=) does nothing: no pictures or words to change are read")
        views = 0
    elif views:
        notes.append(f"heads are fitted on {views} further view{'s' * (views > 1)} of {'; '.join(said)}")
    origin = np.concatenate([np.arange(len(rows)), np.tile(fit, views)])
    number = np.concatenate([np.zeros(len(rows), np.int64), np.repeat(np.arange(1, views + 1), len(fit))])
    length = len(next(iter(cells.values())))
    unlabelled = np.arange(len(rows) if labelled is None else labelled, len(rows))
    return ViewedRows({**cells, **made}, len(rows), rows[origin] + length * number, origin, unlabelled)


def tell_cost(views: ViewedRows, encoders: Mapping[str, Encoder], cache: FeatureCache | None) -> None:
    """Say how long the views take to encode, judged by a few of them, and what disk their features take."""
    count = len(views.origin) - views.own
    if not count:
        return
    told = []
    for encoder in encoders.values():
        if not views.changes(encoder.modality):
            continue
        some = views.own + np.unique(np.linspace(0, count - 1, min(count, WARM + TIMED)).astype(np.int64))
        views.features(encoder, some[:WARM], cache=cache)
        begun = time.perf_counter()
        views.features(encoder, some[WARM:], cache=cache)
        seconds = (time.perf_counter() - begun) * count / max(len(some) - WARM, 1)
        # two bytes a feature, sixteen for the key; what learns from rows is not kept
        disk = 0 if encoder.learns or cache is None else count * (2 * encoder.width + 16) / 1e6
        told.append(f"{source_name(encoder)} about {seconds:,.0f} s and {disk:,.1f} MB of cache")
    log.info("augmentation: %s further views to encode: %s", f"{count:,}", "; ".join(told))


def _image_change(name: str) -> augment_images.Change:
    return parse_randaugment(name) if name.startswith(RANDAUGMENT) else augment_images.IMAGE_CHANGES[name]


def _text_change(name: str, augmentation: Augmentation) -> augment_texts.Change:
    if name != SYNONYM:
        return augment_texts.TEXT_CHANGES[name]
    named = augmentation.synonyms
    return augment_texts.with_synonyms(wordnet_synonyms() if named is None else read_synonyms(Path(named)))


def _translate(augmentation: Augmentation) -> Translate:
    from motet.encoders.torch_translate import Translator

    return Translator([Path(one) for one in augmentation.back_translate], cache_directory() / "translations")
