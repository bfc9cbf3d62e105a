"""Accuracy of the saved model for every pattern on a real table, beside its baselines, with 95 % intervals.

flipkart1050: 5-fold cross-validation over all rows (folds stratified and seeded; validation rows come from the
training side; each fold's model is written, opened again, and answers its fold). fashion_products: the test split.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from _measuring import TABLES, arguments, encoders, finish, table
from motet.data import Split, all_patterns, infer_schema, labels, make_split, read_table
from motet.deployment import Options, build_model
from motet.evaluation import classification_metrics
from motet.runtime import Model


def main() -> None:
    options = arguments(__doc__, table="flipkart1050", folds=5, seed=0, fusion="auto", split="test", val=0.15)
    path, columns = table(options.table), TABLES[options.table]
    read = read_table(path)
    crossed = options.table == "flipkart1050"
    schema = infer_schema(
        read,
        label=columns["label"],
        image=("image",),
        text=(columns["text"],),
        split=None if crossed else "split",
    )
    found = labels(read, schema)
    splits = (
        folds(found.values, options.folds, options.val, options.seed)
        if crossed
        else [held_out(make_split(read, schema, found), options.split)]
    )
    answers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    chosen: list[dict[str, str]] = []
    for split in splits:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "model"
            settings = Options(
                image_encoders=(str(encoders()[0]),),
                text_encoders=(str(encoders()[1]),),
                fusion=options.fusion,
                seed=options.seed,
            )
            build_model(
                read, schema, place, settings, split=Split(split.train, split.validation, split.test[:0])
            )
            model = Model(place)
            chosen.append({name: entry.chosen for name, entry in model.manifest.patterns.items()})
            encoded = model.encode(read, split.test, sources=tuple(model.manifest.sources))
            truth = found.values[split.test]
            for pattern in all_patterns(encoded.present):
                shown = set(pattern.split("+"))
                rows = np.logical_and.reduce(
                    [np.ones(len(truth), bool), *(encoded.present[m] for m in shown - {"none"})]
                )
                masked = {m: have & rows & (m in shown) for m, have in encoded.present.items()}
                answers.setdefault(pattern, []).append(
                    (model.probabilities(encoded, masked)[rows], truth[rows])
                )
            whole = model.probabilities(encoded)
            answers.setdefault("each row with what it has", []).append((whole, truth))
            for head in model.manifest.baselines:
                modality = model.manifest.sources[head].modality
                rows = np.flatnonzero(encoded.present[modality])
                one = model.head_probabilities(head, encoded, rows)
                answers.setdefault(f"baseline {head}", []).append((one, truth[rows]))
        print(chosen[-1], flush=True)
    finish(
        {
            "benchmark": "quality",
            "table": options.table,
            "fusion": options.fusion,
            "how": f"{len(splits)}-fold" if crossed else options.split,
            "chosen": chosen,
            "results": {name: summary(parts) for name, parts in answers.items()},
        }
    )


def folds(truth: np.ndarray, count: int, validation: float, seed: int) -> list[Split]:
    """Stratified folds; of each training side, a stratified share chooses."""
    random = np.random.default_rng(seed)
    fold = np.empty(len(truth), np.int64)
    chooses = np.empty(len(truth))
    for name in np.unique(truth):
        rows = random.permutation(np.flatnonzero(truth == name))
        fold[rows] = np.arange(len(rows)) % count
        for number in range(count):
            mine = rows[fold[rows] == number]
            chooses[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    every = np.arange(len(truth))
    return [
        Split(
            every[(fold != number) & (chooses >= validation)],
            every[(fold != number) & (chooses < validation)],
            every[fold == number],
        )
        for number in range(count)
    ]


def held_out(split: Split, side: str) -> Split:
    """The split itself, or, for tuning, with its validation rows in the place of the test rows."""
    return split if side == "test" else Split(split.train, split.validation, split.validation)


def summary(parts: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    probabilities = np.concatenate([p for p, _ in parts])
    truth = np.concatenate([t for _, t in parts])
    metrics = classification_metrics(probabilities, truth)
    of_folds = [float((p.argmax(1) == t).mean()) for p, t in parts]
    return {
        "n": len(truth),
        **{name: {k: round(v, 4) for k, v in metric.items()} for name, metric in metrics.items()},
        "accuracy_of_folds": [round(value, 4) for value in of_folds],
    }


if __name__ == "__main__":
    main()
