"""Folds of the rows that heads are fitted on, with features as encoders that never saw the held rows give them."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from motet.data import make_folds
from motet.deployment.views import ViewedRows
from motet.encoders import ArrayRows, Encoder, FeatureTable
from motet.errors import EncoderError
from motet.training import Fold

Rows = npt.NDArray[np.int64]
SELECTION_ROWS = 100_000  # above this, probes and selection use a seeded, stratified sample
CROSSED_ROWS = 20_000  # above this, one part of FEW_FOLDS is held out instead of each of FOLDS in turn
FOLDS, FEW_FOLDS = 3, 5


def parts_to_hold(some: Rows, units: Rows, truth: Rows, seed: int, *, folds: int | None = None) -> list[Rows]:
    """Places in `some` that are held out, part by part; none where the rows cannot be parted.

    some [n] : row numbers. units, truth [N] : of all rows, which rows stay together, and their classes. folds : parts,
    each held out in turn; default FOLDS, or one of FEW_FOLDS where there are many rows.
    """
    one = folds is None and len(some) > CROSSED_ROWS
    count = folds or (FEW_FOLDS if one else FOLDS)
    fold = make_folds(units[some], truth[some], count=count, seed=seed)
    parts = [np.flatnonzero(fold == number) for number in range(fold.max(initial=-1) + 1)]
    if len(parts) < 2:
        return []
    return [min(parts, key=lambda part: abs(len(part) - len(some) / count))] if one else parts


def cross_fit(
    some: Rows,
    parts: list[Rows],
    views: ViewedRows,
    truth: Rows,
    encoders: Mapping[str, Encoder],
    whole: Mapping[str, FeatureTable],
) -> list[Fold]:
    """A fold for each part: its rows held out, encoders that learn from rows refitted on the others.

    some [n] : which of the N rows take part; parts : places in it. views : the N rows and the views of them, M in all;
    truth [M] : their classes; whole : their features by encoders that learned from all. A held row whose class no other
    row has could only be answered wrongly, which tells nothing of heads that will know the class: it is not held. Views
    of rows that are held are left out; no view is held. Rows without a label stand in each fold (`with_all`),
    neither fitted on nor held.
    """
    some = views.with_all(some)
    shared = {
        name: whole[name].part(some) if len(some) < len(truth) else whole[name]
        for name, encoder in encoders.items()
        if not encoder.learns
    }
    labels, of, folds = truth[some], views.origin[some], []
    for part in parts:
        fit = np.flatnonzero(~np.isin(of, of[part]) & (labels >= 0))
        held = part[np.isin(labels[part], labels[fit])]
        if len(held) == 0:
            continue
        tables = {
            name: shared[name] if name in shared else _refitted(encoder, views, some, fit)
            for name, encoder in encoders.items()
        }
        folds.append(Fold(tables, labels, fit, held))
    return folds


def sample(rows: Rows, truth: Rows, seed: int, *, most: int | None = None) -> Rows:
    """All rows, or a seeded sample of about `most` (default SELECTION_ROWS) with each class in its share, at least one.

    truth [N] : class of every row, also of those not among `rows`.
    """
    most = SELECTION_ROWS if most is None else most
    if len(rows) <= most:
        return rows
    shuffled = np.random.default_rng(seed).permutation(rows)
    ordered = shuffled[np.argsort(truth[shuffled], kind="stable")]
    counts = np.bincount(truth[ordered])
    place = np.concatenate([np.arange(count) for count in counts])  # place of each row within its class
    keep = place < np.repeat(np.ceil(counts * most / len(rows)), counts)
    return np.sort(ordered[keep])


def _refitted(encoder: Encoder, views: ViewedRows, places: Rows, fit: Rows) -> FeatureTable:
    """Features of `places` by a copy of the encoder that learned from places[fit]; absent where it cannot learn."""
    fresh = copy.copy(encoder)
    try:
        views.learn(fresh, places[fit])
    except EncoderError:
        return FeatureTable(ArrayRows(np.zeros((len(places), 1), np.float32)), np.zeros(len(places), bool))
    return views.features(fresh, places)
