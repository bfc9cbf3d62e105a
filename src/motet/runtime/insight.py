"""What answers are made of: what each modality gives, and of classes how sure they are and what abstaining buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import all_patterns, pattern_name
from motet.evaluation import (
    interaction_gap,
    missing_rates,
    reliability,
    risk_coverage_by_class,
    row_patterns,
    shapley,
)
from motet.runtime.crossing import CrossedRows
from motet.runtime.known_answers import KnownAnswers
from motet.runtime.target import Target

if TYPE_CHECKING:
    from motet.runtime.model import EncodedRows, Model

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
Truth = npt.NDArray[Any]
ROWS = 5000  # above so many an even sample is looked at: each takes many passes through the heads
PAIRED_ROWS = 300
FEW_PAIRED = 10  # rows below which a projection would be of chance
NUMBERS = (
    25_000_000  # that heads read for all pairs of rows at most, in about a second: bounds how many are paired
)


def insight(known: KnownAnswers, answers: Floats, truth: Truth) -> dict[str, Any]:
    """Keys of `evaluation.json`: of one class a row calibration and risk_coverage, and where there are several
    modalities missing_rate, shapley and emap, by score and loss of the target.

    answers [N, ...] : to the rows as they are; truth [N, ...].
    """
    model, encoded, target = known.model, known.encoded, known.model.target
    some = np.arange(len(truth))[:: max(1, -(-len(truth) // ROWS))]
    few, wanted = {m: have[some] for m, have in encoded.present.items()}, truth[some]

    def answer(present: Mapping[str, Bools]) -> Floats:
        shown = {m: np.zeros(len(truth), bool) for m in present}
        for modality, have in present.items():
            shown[modality][some] = have
        return target.judged(known(shown)[some], row_patterns(present), model.manifest.patterns)

    found: dict[str, Any] = {}
    if target.kind == "class":
        found["calibration"] = _calibration(model, encoded.part(some), wanted)
        found["risk_coverage"] = risk_coverage_by_class(answers, truth, model.classes)
    if len(few) > 1:
        found["missing_rate"] = missing_rates(
            answer, few, lambda told: target.figures(told, wanted), seed=model.manifest.seed
        )
        gained = shapley(answer, few, lambda told: float(target.row_losses(told, wanted).mean()))
        found["shapley"] = {"loss": target.loss, **gained}
        projected = additive_gaps(model, encoded, truth)
        if projected:
            found["emap"] = projected
    return found


def additive_gaps(model: Model, encoded: EncodedRows, truth: Truth) -> dict[str, Any]:
    """How far the model is from one that adds up what each part of the modalities says (`evaluation.interaction_gap`).

    On a seeded sample of at most 300 rows that have every modality, fewer where heads are wide. Two modalities are two
    parts; of more, each is one part and all others together are the other, since all combinations of M modalities
    would be N^M answers. Empty where fewer than ten rows have every modality.

    Returns {"n", "of": how many have every modality, "parts": {modality: what `interaction_gap` returns}}.
    """
    names = list(encoded.present)
    complete = np.flatnonzero(np.logical_and.reduce([encoded.present[name] for name in names]))
    if len(complete) < FEW_PAIRED or not model.manifest.patterns[pattern_name(names)].members:
        return {}
    random = np.random.default_rng(model.manifest.seed)
    order = random.permutation(complete)[:PAIRED_ROWS]
    parts, paired = {}, 0
    for name in names[:1] if len(names) == 2 else names:
        width = CrossedRows(model, encoded.part(order[:1]), frozenset({name})).width
        chosen = np.sort(order[: max(FEW_PAIRED, int((NUMBERS / width) ** 0.5))])
        crossed = CrossedRows(model, encoded.part(chosen), frozenset({name}))
        parts[name] = interaction_gap(
            crossed.outputs,
            len(chosen),
            _figures_of(model.target, truth[chosen]),
            model.target.loss,
            seed=model.manifest.seed,
        )
        paired = max(paired, len(chosen))
    return {"n": paired, "of": len(complete), "parts": parts}


def _figures_of(target: Target, truth: Truth) -> Callable[[Floats], Mapping[str, Floats]]:
    return lambda outputs: target.row_figures(target.answers(outputs), truth)


def _calibration(model: Model, encoded: EncodedRows, truth: Rows) -> dict[str, Any]:
    found = {}
    for pattern in all_patterns(encoded.present):
        shown = set(pattern.split("+")) - {"none"}
        rows = np.flatnonzero(np.logical_and.reduce([encoded.present[m] for m in shown] or [truth == truth]))
        if len(rows):
            mine = encoded.part(rows)
            hidden = {m: have & (m in shown) for m, have in mine.present.items()}
            found[pattern] = {
                "before": reliability(model.probabilities(mine, hidden, calibrated=False), truth[rows]),
                "after": reliability(model.probabilities(mine, hidden), truth[rows]),
            }
    return found
