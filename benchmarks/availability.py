"""Every pattern of present modalities on real tables: the selected model against what it must not fall behind.

5-fold cross-validation (stratified, seeded) over training and validation rows; test rows are left alone. In each fold
a model is trained and saved, and answers its fold through the running wing with modalities hidden, beside

  (a) unimodal: the single modality's head, or product of its sources, that is best for the pattern over all folds
      (chosen on what is measured: harder to beat than any choice that could be made);
  (b) zeros: logistic regression on the concatenated standardised features, what is missing filled with zeros;
  (c) dropout: `concat` trained with modality dropout and learned missing tokens, forced.

Differences in accuracy are paired over rows, with a bootstrap interval whose level is corrected for the number of
comparisons (Bonferroni).
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from _measuring import arguments, encoders, finish, table
from motet.data import Split, all_patterns, infer_schema, labels, make_split, read_table
from motet.deployment import Options, build_model
from motet.runtime import Model
from motet.runtime.combination import log_softmax

JOBS: dict[str, dict[str, Any]] = {
    "flipkart1050": {"text": "text", "labels": ("label",), "categorical": ("brand",),
                     "numeric": ("retail_price", "discounted_price")},
    "fashion_products": {"text": "text_masked", "labels": ("label", "season", "usage")},
    "noto_emoji": {"text": "text", "labels": ("label",)},
}  # fmt: skip


def main() -> None:
    options = arguments(__doc__, tables="flipkart1050,fashion_products,noto_emoji", folds=5, seed=0)
    measured: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    chosen: dict[str, list[dict[str, str]]] = {}
    for name in options.tables.split(","):
        for label in JOBS[name]["labels"]:
            job = f"{name}:{label}"
            measured[job], chosen[job] = cross_validate(name, label, options.folds, options.seed)
            print(job, summary(measured[job], comparisons=1), flush=True)
    comparisons = sum(len(patterns) for patterns in measured.values())
    finish(
        {
            "benchmark": "availability",
            "folds": options.folds,
            "comparisons": comparisons,
            "results": {job: summary(patterns, comparisons) for job, patterns in measured.items()},
            "chosen": chosen,
        }
    )


def cross_validate(
    name: str, label: str, count: int, seed: int
) -> tuple[dict[str, dict[str, np.ndarray]], list[dict[str, str]]]:
    """For each pattern and each way: whether each row was answered rightly."""
    read, schema, found, splits = folds_of(name, label, count, seed)
    right: dict[str, dict[str, list[np.ndarray]]] = {}
    chosen = []
    for split, held in splits:
        with tempfile.TemporaryDirectory() as folder:
            models = {}
            for fusion in ("auto", "concat"):
                build_model(read, schema, Path(folder) / fusion, settings(fusion, seed), split=split)
                models[fusion] = Model(Path(folder) / fusion)
            auto = models["auto"]
            chosen.append({pattern: entry.chosen for pattern, entry in auto.manifest.patterns.items()})
            encoded = auto.encode(read, held, sources=tuple(auto.manifest.sources))
            zeros = Zeros(auto, auto.encode(read, split.train, sources=tuple(auto.manifest.sources)),
                          found.values[split.train])  # fmt: skip
            truth = found.values[held]
            for pattern in all_patterns(encoded.present)[:-1]:
                shown = set(pattern.split("+"))
                have = np.logical_and.reduce([encoded.present[m] for m in shown])
                masked = {m: now & have & (m in shown) for m, now in encoded.present.items()}
                ways = {"selected": auto.probabilities(encoded, masked)[have]}
                ways |= unimodal(auto, encoded, np.flatnonzero(have), shown)
                ways["zeros"] = zeros(encoded, np.flatnonzero(have), shown)
                head = models["concat"].head("concat")
                seen = {s: models["concat"].manifest.sources[s].modality in shown for s in head.sources}
                ways["dropout"] = head.run(encoded.tables, np.flatnonzero(have), seen)
                for way, answers in ways.items():
                    correct = answers.argmax(axis=1) == truth[have]
                    right.setdefault(pattern, {}).setdefault(way, []).append(correct)
    return {p: {w: np.concatenate(parts) for w, parts in ways.items()} for p, ways in right.items()}, chosen


def folds_of(
    name: str, label: str, count: int, seed: int
) -> tuple[Any, Any, Any, list[tuple[Split, np.ndarray]]]:
    """Table, schema, labels, and for each fold the split to train on and the rows held out; never test rows."""
    job, read = JOBS[name], read_table(table(name))
    schema = infer_schema(
        read, label=label, image=("image",), text=(job["text"],), numeric=job.get("numeric", ()),
        categorical=job.get("categorical", ()), split="split",
    )  # fmt: skip
    found = labels(read, schema)
    given = make_split(read, schema, found)
    rows = np.sort(np.concatenate([given.train, given.validation]))
    fold = np.empty(len(rows), np.int64)
    random = np.random.default_rng(seed)
    for one in np.unique(found.values[rows]):
        mine = random.permutation(np.flatnonzero(found.values[rows] == one))
        fold[mine] = (np.arange(len(mine)) + random.integers(count)) % count
    splits = [(Split(rows[fold != k], rows[:0], rows[:0]), rows[fold == k]) for k in range(count)]
    return read, schema, found, splits


def settings(fusion: str, seed: int) -> Options:
    image, text = encoders()
    return Options(image_encoders=(str(image),), text_encoders=(str(text),), fusion=fusion, seed=seed)


def unimodal(model: Model, encoded: Any, rows: np.ndarray, shown: set[str]) -> dict[str, np.ndarray]:
    """Logarithms of probabilities of each unimodal head inside the pattern, and of the products of one modality."""
    logs: dict[str, np.ndarray] = {}
    of: dict[str, list[str]] = {}
    for head in model.manifest.baselines:
        modality = model.manifest.sources[head].modality
        if modality in shown:
            logs[f"unimodal {head}"] = np.log(
                np.maximum(model.head_probabilities(head, encoded, rows), 1e-12)
            )
            of.setdefault(modality, []).append(f"unimodal {head}")
    products = {
        f"unimodal product {m}": sum(logs[name] for name in names)
        for m, names in of.items()
        if len(names) > 1
    }
    return logs | {name: log_softmax(np.asarray(value)) for name, value in products.items()}


class Zeros:
    """Logistic regression on standardised, concatenated features, zeros where a source is missing."""

    def __init__(self, model: Model, encoded: Any, truth: np.ndarray) -> None:
        from sklearn.linear_model import LogisticRegression

        self.modality = {name: source.modality for name, source in model.manifest.sources.items()}
        self.scale = {}
        for name, features in encoded.tables.items():
            values = features.rows.dense(np.flatnonzero(features.present))
            sparse = name == "text:lexical"
            self.scale[name] = (
                (0.0, 1.0) if sparse else (values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6))
            )
        design = self.design(encoded, np.arange(len(truth)), set(self.modality.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.fitted = LogisticRegression(C=0.01, max_iter=200).fit(design, truth)
        self.classes = len(model.classes)

    def design(self, encoded: Any, rows: np.ndarray, shown: set[str]) -> np.ndarray:
        parts = []
        for name, features in encoded.tables.items():
            mean, deviation = self.scale[name]
            values = (features.rows.dense(rows) - mean) / deviation
            kept = features.present[rows] & (self.modality[name] in shown)
            parts.append(np.where(kept[:, None], values, 0).astype(np.float32))
        return np.concatenate(parts, axis=1)

    def __call__(self, encoded: Any, rows: np.ndarray, shown: set[str]) -> np.ndarray:
        answers = np.zeros((len(rows), self.classes))
        answers[:, self.fitted.classes_] = self.fitted.predict_proba(self.design(encoded, rows, shown))
        return answers


def summary(patterns: dict[str, dict[str, np.ndarray]], comparisons: int) -> dict[str, Any]:
    """Accuracy of each way and the paired differences that are expected to be none or large."""
    told = {}
    for pattern, ways in patterns.items():
        singles = {name: correct for name, correct in ways.items() if name.startswith("unimodal")}
        best = max(singles, key=lambda name: singles[name].mean())
        told[pattern] = {
            "n": len(ways["selected"]),
            "accuracy": {
                name: round(float(ways[name].mean()), 4) for name in ("selected", best, "zeros", "dropout")
            },
            "less_best_unimodal": difference(ways["selected"], singles[best], comparisons),
            "less_zeros": difference(ways["selected"], ways["zeros"], comparisons),
            "less_dropout": difference(ways["selected"], ways["dropout"], comparisons),
        }
    return told


def difference(ours: np.ndarray, theirs: np.ndarray, comparisons: int) -> dict[str, float]:
    """Mean paired difference, and the interval at 95 % over all comparisons together."""
    random = np.random.default_rng(0)
    pairs = ours.astype(float) - theirs
    means = np.array([pairs[random.integers(0, len(pairs), len(pairs))].mean() for _ in range(4000)])
    tail = 0.025 / comparisons
    low, high = np.quantile(means, [tail, 1 - tail])
    return {
        "value": round(float(pairs.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


if __name__ == "__main__":
    main()
