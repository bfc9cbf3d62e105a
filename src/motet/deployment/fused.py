"""Fused heads: trained out of fold to be compared, and the chosen ones once more on all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from motet.fusion import FUSIONS, Source
from motet.tasks import ClassifierEnsemble, FusedClassifier, Objective
from motet.training import Fold, Settings, Trained, multiply_out, predict_logits, to_latent, train_heads

Floats = npt.NDArray[np.floating]
Bases = Mapping[str, npt.NDArray[np.float32]]


class FusedHeads:
    """The fusion strategies of one model, over the same sources and folds.

    trained : by strategy, its heads of each fold. epochs : of those that were fitted on all rows.
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
        self.epochs: dict[str, int] = {}
        self._latent: list[Fold] | None = None

    def cross_train(self, fusion: str) -> None:
        """Train one ensemble for each fold."""
        if self._latent is None:
            self._latent = [_in_latent_space(fold, self.settings.seed)[0] for fold in self.folds]
        if self._latent:
            self.trained[fusion] = self._train(fusion, self._latent, None)

    def held_logits(self, fusion: str, shown: frozenset[str]) -> list[Floats]:
        """Logits [n, C] of the held rows of each fold with only the modalities of `shown`."""
        if not self._latent:
            return []
        return [
            predict_logits(head, fold.tables, fold.held, shown=shown)
            for head, fold in zip(self.trained[fusion].heads, self._latent, strict=True)
        ]

    def fit_whole(self, fusion: str) -> ClassifierEnsemble:
        """The strategy trained on all rows, as far along the schedule as the folds found best, or to its end."""
        whole, bases = _in_latent_space(self.whole, self.settings.seed)
        along = self.trained[fusion].best_share if fusion in self.trained else 1.0
        self.epochs[fusion] = max(1, round(along * self.settings.epochs_for(len(whole.fit))))
        (head,) = self._train(fusion, [whole], self.epochs[fusion]).heads
        for member in head.members:
            multiply_out(member.fusion, bases)
        return ClassifierEnsemble(head.members, self.objective)

    def _train(self, fusion: str, folds: Sequence[Fold], stop_after: int | None) -> Trained:
        return train_heads(
            lambda sources: FusedClassifier(FUSIONS[fusion](sources), self.objective.target.outputs),
            self.sources,
            folds,
            self.objective,
            self.settings,
            stop_after=stop_after,
            description=fusion if stop_after is None else f"{fusion} on all rows",
        )


def _in_latent_space(fold: Fold, seed: int) -> tuple[Fold, Bases]:
    latent = to_latent(fold.tables, fold.fit, seed=seed)
    return replace(fold, tables=latent.tables), latent.bases
