"""Zero-shot and few-shot measured: pictures whose class is known, answered by sentences, and by a few examples too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, Table, split_sides
from motet.data.splits import TEST, TRAIN, VALIDATION
from motet.errors import TableError, UsageError
from motet.evaluation import classification_metrics
from motet.runtime.combination import log_softmax
from motet.runtime.few_shot import cache_logits, choose_cache
from motet.runtime.known_classes import LEAST_KNOWN, class_numbers, class_words
from motet.runtime.match_model import MatchModel
from motet.runtime.temperature import fit_temperature
from motet.runtime.zero_shot import PLACE, ZeroShot

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]
# class vectors [C, W], examples [K, W], their classes [K], scale -> weights [C, W] of logits x V'
FitProbe = Callable[[Floats, Floats, Rows, float], Floats]
SHOTS = (1, 2, 4, 8, 16)


def evaluate_zero_shot(
    model: MatchModel,
    table: Table,
    label: str,
    *,
    labels: Sequence[str] = (),
    templates: Sequence[str] = (PLACE,),
    shots: int = 0,
    fit_probe: FitProbe | None = None,
) -> dict[str, Any]:
    """Measure how well pictures are told apart by sentences about their classes: `zero_shot` of `evaluation.json`.

    label : the column that says each row's class. labels : the classes (default: all values of the column).
    Where the table has the split column that the model was trained with, its test rows are measured, its validation
    rows fit the temperature (20 at least), its training rows are the examples; else all are measured, none calibrated,
    and there are no examples. shots : few-shot with up to so many examples of each class, 1, 2, 4 and so on, drawn by
    the model's seed: a cache of them (Tip-Adapter), and, where `fit_probe` is given, a probe that begins as the
    sentences.

    Raises TableError where no row to measure has a picture and one of the classes, UsageError for more shots than 16.
    """
    check_shots(shots)
    schema, seed = model.manifest.schema, model.manifest.seed
    names = tuple(labels) or tuple(sorted(filter(None, class_words(table, label).unique().to_pylist())))
    asked = ZeroShot(model, names, templates, scale=1.0)
    found = class_numbers(table, label, names)
    followed = schema.split is not None and schema.split in table.columns
    sides = split_sides(table, str(schema.split)) if followed else np.full(len(table), TEST, np.int8)
    cells = ImageCells(table, schema.inputs("image"))
    known = np.flatnonzero((found >= 0) & cells.present)
    seen = model.embed_images(cells, known)
    known, vectors = known[seen.present], seen.vectors[seen.present]
    truth, sides = found[known], sides[known]
    tested = sides == TEST
    if not tested.any():
        raise TableError(
            f"{table.name}: no {'test ' if followed else ''}row has a picture and one of {len(names)} classes in "
            f"column {label!r}: nothing to measure"
        )
    cosines = vectors @ asked.class_vectors.T
    scale = model.space.scale
    held = sides == VALIDATION
    enough = int(held.sum()) >= LEAST_KNOWN  # as where answers are calibrated
    temperature = fit_temperature(scale * cosines[held], truth[held]) if enough else 1.0
    scale = scale / temperature

    def measured(logits: Floats) -> dict[str, Any]:
        return classification_metrics(np.exp(log_softmax(logits)), truth[tested], seed=seed)

    few: dict[str, dict[str, Any]] = {}
    for count in (count for count in SHOTS if count <= shots):
        examples = _examples(truth, sides == TRAIN, len(names), count, seed)
        if len(examples) == 0:
            break
        given = (asked.class_vectors, vectors[examples], truth[examples])
        alpha, sharpness = choose_cache(*given, scale=scale)
        few[str(count)] = {
            "examples": len(examples),
            "cache": measured(
                cache_logits(vectors[tested], *given, scale=scale, alpha=alpha, sharpness=sharpness)
            ),
        }
        if fit_probe is not None:
            few[str(count)]["probe"] = measured(vectors[tested] @ fit_probe(*given, scale).T)
    return {
        "label": label,
        "classes": list(names),
        "templates": list(templates),
        "n": int(tested.sum()),
        "calibrated": enough,
        "scale": scale,
        "metrics": measured(scale * cosines[tested]),
        "chance": 1 / len(names),
        "few_shot": few,
    }


def check_shots(shots: int) -> None:
    """Raise UsageError for a number of examples that is not measured; 0 is none."""
    if not 0 <= shots <= SHOTS[-1]:
        raise UsageError(f"few-shot is measured with 1 to {SHOTS[-1]} examples of each class, not {shots}")


def _examples(truth: Rows, may: npt.NDArray[np.bool_], classes: int, count: int, seed: int) -> Rows:
    """At most `count` rows of each class among those that may be taken; of fewer shots they are among those of more."""
    order = np.random.default_rng(seed).permutation(len(truth))
    chosen = [order[may[order] & (truth[order] == number)][:count] for number in range(classes)]
    return np.sort(np.concatenate(chosen))
