"""Rows encoded once and parted into folds: what heads are fitted on, compared on and chosen from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Split
from motet.deployment.fused import FusedHeads
from motet.deployment.options import Options
from motet.deployment.pooling import ATTENTION
from motet.deployment.sources import Sources
from motet.deployment.views import ViewedRows
from motet.fusion import FUSIONS, Source, on_tokens
from motet.runtime.target import Target
from motet.tasks import Objective
from motet.training import Fold, Probe, fit_probe, is_large, side_by_side

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Prepared:
    """Features of the training and validation rows, and what is held out of them.

    encoders : opened, fitted on the rows of `whole.fit`. sources : what heads read. views : the rows, and after them
    their further views. whole : all rows that heads are fitted on, beside their views. few : those of them that probes
    are fitted on. taken : the places among `views` that each fold counts. units [N] : which rows stay together, where
    some have no label. folds : of `few`, or empty; views are among what they fit on and never held. target : what is
    learned, and objective : what heads minimise. prior [C] : share of each class or label, or the mean number. broken :
    cells, once each. notes : what was decided.
    """

    encoders: Sources
    sources: list[Source]
    views: ViewedRows
    whole: Fold
    few: Rows
    taken: Rows
    units: Rows | None
    folds: list[Fold]
    target: Target
    objective: Objective
    prior: Floats
    split: Split  # the rows that are used: without those of weight 0 on the train and validation sides
    held_rows: Rows  # numbers in the table of the held rows of all folds, one fold after the other [n]
    broken: list[CellIssue]
    notes: list[str]
    on_tokens: bool = False  # strategies that read tokens are given them

    def probes(self) -> dict[str, Probe]:
        """The linear probe of each source; on views too, where they differ in it from rows.

        They are fitted side by side, or, where their rows as matrices are large, one after the other on all cores.
        """

        def fit(source: Source) -> Probe:
            changed = self.views.changes(source.modality)
            whole = replace(self.whole, fit=self.views.with_views(self.few) if changed else self.few)
            folds = self.folds_of(source.modality)
            return fit_probe(source, whole, folds, self.objective)

        large = any(is_large(self.whole.tables[source.name], self.few) for source in self.sources)
        jobs = [partial(fit, source) for source in self.sources]
        fitted = [job() for job in jobs] if large else side_by_side(jobs)
        return {source.name: probe for source, probe in zip(self.sources, fitted, strict=True)}

    def without_features(self) -> Prepared:
        """The same once nothing reads features any more: what is mapped into memory is let go."""
        folds = [replace(fold, tables={}) for fold in self.folds]
        return replace(self, whole=replace(self.whole, tables={}), folds=folds)

    def folds_of(self, modality: str) -> list[Fold]:
        """The folds for what reads one modality alone: without views where they do not differ in it."""
        if self.views.changes(modality):
            return self.folds
        return [replace(fold, fit=fold.fit[self.taken[fold.fit] < self.views.own]) for fold in self.folds]

    def fused(self, options: Options) -> FusedHeads:
        """Fused heads, not trained yet."""
        settings = replace(options.training, seed=options.seed)
        sources = [
            replace(source, read="attention")
            if options.pooling_of(source.modality) == ATTENTION and self._has_tokens(source)
            else source
            for source in self.sources
        ]
        whole = replace(self.whole, fit=self.views.with_views(self.whole.fit))
        return FusedHeads(sources, self.folds, whole, self.objective, settings)

    def head_name(self, fusion: str) -> str:
        """What the head of a strategy is called here; a `late` rule keeps its name."""
        return on_tokens(fusion) if self.on_tokens and fusion in FUSIONS else fusion

    def _has_tokens(self, source: Source) -> bool:
        return self.whole.tables[source.name].tokens is not None

    def held_labels(self) -> npt.NDArray[Any]:
        """What is true [n] of the held rows of all folds, one fold after the other."""
        return np.concatenate([fold.labels[fold.held] for fold in self.folds] or [self.whole.labels[:0]])

    def held_presence(self, modality: str) -> npt.NDArray[np.bool_]:
        """Which of these rows [n] have every source of a modality."""
        names = [source.name for source in self.sources if source.modality == modality]
        have = [
            np.logical_and.reduce([fold.tables[name].present[fold.held] for name in names])
            for fold in self.folds
        ]
        return np.concatenate(have or [np.zeros(0, bool)])
