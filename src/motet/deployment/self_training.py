"""Rows without a label teach too: where the labelled rows make sure of their class, they are learned from as if it
were theirs.

The linear probes of the sources are the teacher (self-training). A row is believed where all that it has makes sure of
a class, surely enough for that class, and no modality is of another (`training.pseudo_labels`). In each fold the
teacher knows the labels that are fitted on there and no others, so that held rows still measure what they would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from motet.data import make_folds
from motet.deployment.prepared import Prepared
from motet.fusion import Source
from motet.runtime.combination import log_softmax
from motet.runtime.target import ClassTarget
from motet.runtime.temperature import fit_temperature
from motet.tasks import Objective
from motet.training import Fold, fit_probe, predict_logits, side_by_side
from motet.training.pseudo_labels import accepted, class_thresholds

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
THRESHOLD = 0.9  # probability from which a class may be believed that is often sure
WEIGHT = 0.5  # at most, of a row that is believed; and all of them weigh at most what the labelled rows do
INNER = 3  # parts of the labelled rows that say how sure the teacher should be


@dataclass(frozen=True)
class Guesses:
    """Rows that are believed: places [n], their classes [n], and the thresholds [C] that they passed."""

    places: Rows
    classes: Rows
    thresholds: Floats


def self_trained(prepared: Prepared, *, balanced: bool, seed: int) -> tuple[Prepared, Guesses]:
    """The same with the rows that are believed among those that are fitted on, in each fold and in all; and these."""
    units, views = prepared.units, prepared.views
    assert units is not None
    own = prepared.taken[prepared.taken < views.own]  # the first places of each fold
    target = prepared.target
    by_class = target.balance if balanced and isinstance(target, ClassTarget) else None

    def taught(fold: Fold, fit: Rows, places: Rows) -> Guesses:
        """fit : labelled rows among `places`, of which the units are known."""
        unlabelled = np.flatnonzero(np.isin(places, views.unlabelled))
        apart = ~np.isin(units[places[unlabelled]], units[places[fold.held]])
        return guess(
            prepared.sources,
            replace(fold, fit=fit),
            unlabelled[apart],
            units[places],
            prepared.objective,
            seed,
        )

    fits = [fold.fit[prepared.taken[fold.fit] < views.own] for fold in prepared.folds]
    told = [taught(fold, fit, own) for fold, fit in zip(prepared.folds, fits, strict=True)]
    if len(told) == 1 and np.array_equal(own[fits[0]], prepared.few):
        whole = replace(told[0], places=own[told[0].places])  # without a refit what was measured ships
    else:
        whole = taught(prepared.whole, prepared.few, np.arange(views.own))
    folds = [_with(fold, one, by_class) for fold, one in zip(prepared.folds, told, strict=True)]
    few = np.sort(np.concatenate([prepared.few, whole.places]))
    return replace(prepared, whole=_with(prepared.whole, whole, by_class), few=few, folds=folds), whole


def guess(
    sources: Sequence[Source], fold: Fold, unlabelled: Rows, units: Rows, objective: Objective, seed: int
) -> Guesses:
    """What the labelled rows `fold.fit` teach of the unlabelled ones; rows of one number in `units` stay together."""
    classes = objective.target.outputs
    part = make_folds(units[fold.fit], fold.labels[fold.fit], count=INNER, seed=seed)
    inner = []
    for number in range(int(part.max(initial=-1)) + 1):
        fit, held = fold.fit[part != number], fold.fit[part == number]
        held = held[np.isin(fold.labels[held], fold.labels[fit])]
        if len(fit) and len(held):
            inner.append(replace(fold, fit=fit, held=held))
    known = np.concatenate([one.held for one in inner] or [fold.fit[:0]])
    truth = fold.labels[known]

    def teach(source: Source) -> tuple[Floats, Floats]:
        """Calibrated logarithms of probabilities of known and of unlabelled rows; NaN where the source is absent."""
        # An encoder that learned in this fold may have another width than that of all rows.
        source = replace(source, width=fold.tables[source.name].width)
        probe = fit_probe(source, fold, inner, objective)
        held = np.concatenate([*probe.held_logits, np.zeros((0, classes))])
        there = fold.tables[source.name].present[known]
        by = fit_temperature(held[there], truth[there])
        asked = predict_logits(probe.module, fold.tables, unlabelled).astype(np.float64)
        asked[~fold.tables[source.name].present[unlabelled]] = np.nan
        return log_softmax(held / by), log_softmax(asked / by)

    answers = side_by_side([partial(teach, source) for source in sources])
    views = []
    for modality in dict.fromkeys(source.modality for source in sources):
        of = [two for source, two in zip(sources, answers, strict=True) if source.modality == modality]
        views.append(_calibrated(_product([a for a, _ in of]), _product([b for _, b in of]), truth))
    joint = _joint(views, truth)
    probabilities = np.nan_to_num(np.exp(joint))
    thresholds = class_thresholds(probabilities, THRESHOLD)
    chosen = accepted(probabilities, [np.exp(view) for _, view in views], thresholds)
    return Guesses(unlabelled[chosen], probabilities[chosen].argmax(axis=1), thresholds)


def _joint(views: Sequence[tuple[Floats, Floats]], truth: Rows) -> Floats:
    """Product of the modalities that an unlabelled row has: calibrated on known rows that have several, or the one."""
    several = [np.sum([~np.isnan(view[k]).any(axis=1) for view in views], axis=0) > 1 for k in (0, 1)]
    known, asked = (_product([view[k] for view in views]) for k in (0, 1))
    _, joint = _calibrated(known[several[0]], asked, truth[several[0]])
    return np.where(several[1][:, None], joint, asked)


def _calibrated(known: Floats, asked: Floats, truth: Rows) -> tuple[Floats, Floats]:
    there = ~np.isnan(known).any(axis=1)
    by = fit_temperature(known[there], truth[there])
    return log_softmax(known / by), log_softmax(asked / by)


def _product(views: Sequence[Floats]) -> Floats:
    """Sum of the views that are there; NaN where none is."""
    stacked = np.stack(views)
    there = ~np.isnan(stacked)
    return np.where(there.any(axis=0), np.where(there, stacked, 0).sum(axis=0), np.nan)


def _with(fold: Fold, guesses: Guesses, by_class: Floats | None) -> Fold:
    """The fold with the believed rows among those that are fitted on."""
    labels, weights = fold.labels.copy(), fold.weights_of(np.arange(len(fold.labels)))
    labels[guesses.places] = guesses.classes
    if by_class is not None:
        weights[guesses.places] *= by_class[guesses.classes]
    most = float(weights[fold.fit].sum()) / max(float(weights[guesses.places].sum()), 1e-9)
    weights[guesses.places] *= min(WEIGHT, most)
    return replace(
        fold, fit=np.sort(np.concatenate([fold.fit, guesses.places])), labels=labels, weights=weights
    )
