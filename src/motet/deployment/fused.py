"""Fused heads: trained out of fold to be compared, and the chosen ones once more on all rows."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from motet.fusion import Source, strategy_of
from motet.progress import progress
from motet.tasks import ClassifierEnsemble, FusedClassifier, Objective
from motet.training import (
    Bases,
    Fold,
    Settings,
    Trained,
    multiply_out,
    predict_logits,
    side_by_side,
    to_latent,
    train_heads,
)

Floats = npt.NDArray[np.floating]


class _OutOfTime(Exception):
    pass


class FusedHeads:
    """The fusion strategies of one model, over the same sources and folds, by the names of their heads.

    trained : by strategy, its heads of each fold. seconds : of one processor, that this took. epochs : of those that
    were fitted on all rows.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        folds: Sequence[Fold],
        whole: Fold,
        objective: Objective,
        settings: Settings,
    ) -> None:
        self.sources, self.folds, self.whole = sources, folds, whole
        self.objective, self.settings = objective, settings
        self.trained: dict[str, Trained] = {}
        self.seconds: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self._latent: list[tuple[Fold, Bases]] | None = None

    def with_settings(self, settings: Settings) -> FusedHeads:
        """The same, not trained, with other settings but the seed: in the same latent space, if that is made."""
        other = FusedHeads(self.sources, self.folds, self.whole, self.objective, settings)
        other._latent = self._latent if settings.seed == self.settings.seed else None
        return other

    def sources_of(self, fusion: str) -> list[Source]:
        """What a head reads of each source."""
        _, tokens = strategy_of(fusion)
        given = {name for name, table in self.whole.tables.items() if tokens and table.tokens is not None}
        return [replace(s, read="tokens") if s.name in given else s for s in self.sources]

    def read_as_tokens(self, fusion: str) -> tuple[str, ...]:
        """The sources of which a head reads tokens."""
        return tuple(source.name for source in self.sources_of(fusion) if source.read != "pooled")

    def cross_train(self, fusions: Sequence[str], *, until: float = math.inf) -> None:
        """Train one ensemble of each strategy for each fold, the strategies side by side.

        until : the time of `time.monotonic` after which what is not done is dropped: it is not among `trained`.
        """
        if not (fusions and self.folds):
            return
        if self._latent is None:
            jobs = [partial(_in_latent_space, fold, self.settings.seed) for fold in self.folds]
            self._latent = side_by_side(jobs)
        rows = min(len(fold.fit) for fold in self.folds)
        epochs = self.settings.epochs_for(rows) * len(fusions)
        with progress(f"training {', '.join(fusions)}", epochs) as advance:
            # The default strategies stand in the order of their cost: the longest begins first.

            def in_time(epochs: int) -> None:
                advance(epochs)
                if time.monotonic() > until:
                    raise _OutOfTime

            latent = [fold for fold, _ in self._latent]
            training = [partial(self._timed, name, latent, in_time) for name in reversed(fusions)]
            for name, (trained, seconds) in zip(reversed(fusions), side_by_side(training), strict=True):
                self.seconds[name] = seconds
                if trained is not None:
                    self.trained[name] = trained

    def held_logits(self, fusion: str, shown: frozenset[str]) -> list[Floats]:
        """Logits [n, C] of the held rows of each fold with only the modalities of `shown`."""
        if not self._latent:
            return []
        return [
            predict_logits(head, fold.tables, fold.held, shown=shown)
            for head, (fold, _) in zip(self.trained[fusion].heads, self._latent, strict=True)
        ]

    def fit_whole(self, fusions: Sequence[str]) -> dict[str, ClassifierEnsemble]:
        """The strategies trained on all rows, as far along the schedule as the folds found best, or to its end.

        Where the one fold was fitted on these rows, its heads are taken as they are.
        """
        if not fusions:
            return {}
        if self._latent and len(self._latent) == 1 and len(self._latent[0][0].fit) == len(self.whole.fit):
            self.epochs |= {name: self.trained[name].best_epoch for name in fusions}
            heads = [copy.deepcopy(self.trained[name].heads[0]) for name in fusions]
            return self._multiplied_out(fusions, heads, self._latent[0][1])
        whole, bases = _in_latent_space(self.whole, self.settings.seed)
        for fusion in fusions:
            along = self.trained[fusion].best_share if fusion in self.trained else 1.0
            self.epochs[fusion] = max(1, round(along * self.settings.epochs_for(len(whole.fit))))
        epochs = sum(self.epochs[fusion] for fusion in fusions)
        with progress(f"training {', '.join(fusions)} on all rows", epochs) as advance:
            jobs = [partial(self._train, name, [whole], advance, self.epochs[name]) for name in fusions]
            heads = [trained.heads[0] for trained in side_by_side(jobs)]
        return self._multiplied_out(fusions, heads, bases)

    def _multiplied_out(
        self, fusions: Sequence[str], heads: Sequence[ClassifierEnsemble], bases: Bases
    ) -> dict[str, ClassifierEnsemble]:
        """Heads that read sources as they are."""
        for head in heads:
            for member in head.members:
                multiply_out(member.fusion, bases)
        return {
            name: ClassifierEnsemble(head.members, self.objective)
            for name, head in zip(fusions, heads, strict=True)
        }

    def _timed(
        self, fusion: str, folds: Sequence[Fold], advance: Callable[[int], None]
    ) -> tuple[Trained | None, float]:
        begun = time.thread_time()
        try:
            advance(0)
            trained = self._train(fusion, folds, advance)
        except _OutOfTime:
            trained = None
        return trained, time.thread_time() - begun

    def _train(
        self,
        fusion: str,
        folds: Sequence[Fold],
        advance: Callable[[int], None],
        stop_after: int | None = None,
    ) -> Trained:
        strategy, _ = strategy_of(fusion)
        return train_heads(
            lambda sources: FusedClassifier(strategy(sources), self.objective.target.outputs),
            self.sources_of(fusion),
            folds,
            self.objective,
            self.settings,
            stop_after=stop_after,
            advance=advance,
        )


def _in_latent_space(fold: Fold, seed: int) -> tuple[Fold, Bases]:
    latent = to_latent(fold.tables, fold.fit, seed=seed)
    return replace(fold, tables=latent.tables), latent.bases
