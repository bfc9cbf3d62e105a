"""What accuracy falls to when 70 % of pictures, of texts, or of both go missing at random: the selected model against
concatenation with zeros. 5-fold cross-validation over training and validation rows, as in availability.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from _measuring import arguments, finish
from availability import Zeros, difference, folds_of, settings
from motet.deployment import build_model
from motet.runtime import Model


def main() -> None:
    options = arguments(__doc__, table="fashion_products", label="label", folds=5, seed=0, rate=0.7)
    read, schema, found, splits = folds_of(options.table, options.label, options.folds, options.seed)
    right: dict[str, dict[str, list[np.ndarray]]] = {}
    random = np.random.default_rng(options.seed)
    for split, held in splits:
        with tempfile.TemporaryDirectory() as folder:
            build_model(read, schema, Path(folder) / "model", settings("auto", options.seed), split=split)
            model = Model(Path(folder) / "model")
            sources = tuple(model.manifest.sources)
            encoded = model.encode(read, held, sources=sources)
            zeros = Zeros(model, model.encode(read, split.train, sources=sources), found.values[split.train])
            truth = found.values[held]
            luck = {m: random.random(len(held)) < options.rate for m in encoded.present}
            for name in ("complete", *encoded.present, "both"):
                gone = {m: luck[m] & (name in (m, "both")) for m in encoded.present}
                shown = {m: have & ~gone[m] for m, have in encoded.present.items()}
                ways = {
                    "selected": model.probabilities(encoded, shown),
                    "zeros": answer(zeros, encoded, shown),
                }
                for way, answers in ways.items():
                    right.setdefault(name, {}).setdefault(way, []).append(answers.argmax(axis=1) == truth)
    whole = {n: {w: np.concatenate(parts) for w, parts in ways.items()} for n, ways in right.items()}
    results = {}
    for name, ways in whole.items():
        accuracy = {way: round(float(correct.mean()), 4) for way, correct in ways.items()}
        drop = {way: round(float(whole["complete"][way].mean() - ways[way].mean()), 4) for way in ways}
        share = round(drop["selected"] / drop["zeros"], 3) if drop["zeros"] else None
        results[name] = {
            "accuracy": accuracy,
            "drop": drop,
            "share_of_what_zeros_lose": share,
            "selected_less_zeros": difference(ways["selected"], ways["zeros"], 4),
        }
    finish({"benchmark": "missing_rate", "table": options.table, "rate": options.rate, "results": results})


def answer(zeros: Zeros, encoded: object, shown: dict[str, np.ndarray]) -> np.ndarray:
    """Concatenation with zeros, row by row with what it has."""
    code = np.stack(list(shown.values()), axis=1)
    answers = np.zeros((len(code), zeros.classes))
    for pattern in np.unique(code, axis=0):
        rows = np.flatnonzero((code == pattern).all(axis=1))
        have = {m for m, has in zip(shown, pattern, strict=True) if has}
        answers[rows] = zeros(encoded, rows, have)
    return answers


if __name__ == "__main__":
    main()
