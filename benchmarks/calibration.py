"""Whether probabilities and prediction sets keep their word: answers held out in 5-fold cross-validation.

Over training and validation rows. ECE (15 bins) of each pattern against the 95th percentile of what a calibrated model
of the same confidences would show; coverage of prediction sets, mean over 20 resplits of the answers into those that
set the threshold and those that are measured, once as promised and once with sets that may be empty.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from _measuring import arguments, finish
from availability import folds_of, settings
from motet.data import all_patterns
from motet.deployment import build_model
from motet.evaluation import reliability
from motet.runtime import Model
from motet.runtime.prediction_sets import fit_thresholds, prediction_sets, set_scores, threshold_at


def main() -> None:
    options = arguments(__doc__, table="fashion_products", label="label", folds=5, seed=0)
    read, schema, found, splits = folds_of(options.table, options.label, options.folds, options.seed)
    answers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    shipped: dict[str, list[float]] = {}
    for split, held in splits:
        with tempfile.TemporaryDirectory() as folder:
            build_model(read, schema, Path(folder) / "model", settings("auto", options.seed), split=split)
            model = Model(Path(folder) / "model")
            encoded = model.encode(read, held)
            for pattern in all_patterns(encoded.present)[:-1]:
                shown = set(pattern.split("+"))
                have = np.logical_and.reduce([encoded.present[m] for m in shown])
                masked = {m: now & have & (m in shown) for m, now in encoded.present.items()}
                p, truth = model.probabilities(encoded, masked)[have], found.values[held][have]
                answers.setdefault(pattern, []).append((p, truth))
                threshold = threshold_at(model.manifest.patterns[pattern].thresholds, 0.9)
                inside = prediction_sets(p, threshold)[np.arange(len(truth)), truth]
                shipped.setdefault(pattern, []).append(float(inside.mean()))
    results = {}
    for pattern, parts in answers.items():
        p, truth = np.concatenate([a for a, _ in parts]), np.concatenate([t for _, t in parts])
        told = reliability(p, truth)
        results[pattern] = {
            "n": len(truth),
            "accuracy": round(float((p.argmax(axis=1) == truth).mean()), 4),
            "ece": round(told["ece"], 4),
            "ece_of_a_calibrated_model_95th": round(told["expected"], 4),
            "coverage_of_shipped_sets_at_90": round(float(np.mean(shipped[pattern])), 4),
            **{f"coverage_at_{level}": coverage(p, truth, level) for level in (0.8, 0.9, 0.95)},
        }
    finish({"benchmark": "calibration", "table": options.table, "label": options.label, "results": results})


def coverage(p: np.ndarray, truth: np.ndarray, level: float) -> dict[str, float]:
    """Mean over 20 resplits; `exact` admits empty sets, `never_empty` is what ships."""
    exact, never_empty, size = [], [], []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(truth))
        fit, asked = order[: len(order) // 2], order[len(order) // 2 :]
        threshold = threshold_at(fit_thresholds(p[fit], truth[fit]), level)
        inside = prediction_sets(p[asked], threshold)
        right = np.arange(len(asked)), truth[asked]
        never_empty.append(inside[right].mean())
        exact.append((set_scores(p[asked])[right] <= (np.inf if threshold is None else threshold)).mean())
        size.append(inside.sum(axis=1).mean())
    means = {"exact": exact, "never_empty": never_empty, "classes_a_set": size}
    return {name: round(float(np.mean(values)), 4) for name, values in means.items()}


if __name__ == "__main__":
    main()
