"""Few labels a class and many rows without: does `--semi-supervised` help?

Of the training rows a few a class keep their label, drawn by several seeds, and the others are without. Each draw is
trained on as `motet train --semi-supervised` does, on frozen MobileNetV2 and MiniLM features beside the words
themselves, which measures the same model without the unlabelled rows too. Validation rows are measured; `--split test`
reads the test rows.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from _measuring import TABLES, arguments, encoders, finish, table
from motet.data import Table, infer_schema, read_table
from motet.deployment import Options, build_model

Rows = npt.NDArray[np.int64]
WAYS = ("supervised", "semi-supervised")


def main() -> None:
    options = arguments(__doc__, table="fashion_products", split="val", labels="5,20", seeds=3, fusion="auto")
    columns = TABLES[options.table]
    read = read_table(table(options.table))
    sides = np.array(read.column("split").to_pylist())
    rows = np.flatnonzero((sides == "train") | (sides == options.split))
    read = Table(read.data.take(pa.array(rows)), read.root, read.name)
    split = pc.if_else(pc.equal(read.column("split"), "train"), "train", "test")
    truth = np.array(read.column(columns["label"]).to_pylist())
    train = np.flatnonzero(np.array(split.to_pylist()) == "train")
    data = read.data.drop_columns(["split", columns["label"]]).append_column("split", split)
    found: dict[str, Any] = {}
    for count in map(int, options.labels.split(",")):
        runs = []
        for seed in range(options.seeds):
            keep = np.isin(np.arange(len(truth)), _drawn(truth, train, count, seed)) | (
                np.array(split.to_pylist()) == "test"
            )
            labels = pa.array([one if kept else None for one, kept in zip(truth, keep, strict=True)])
            runs.append(
                _measured(
                    Table(data.append_column("label", labels), read.root, read.name),
                    columns["text"],
                    options.fusion,
                    seed,
                    truth,
                )
            )
            print(count, seed, runs[-1], flush=True)
        found[str(count)] = {
            **{way: _spread([run[way] for run in runs]) for way in WAYS},
            "gain": _spread([run["semi-supervised"] - run["supervised"] for run in runs]),
            "log_loss_gain": _spread(
                [run["supervised_log_loss"] - run["semi-supervised_log_loss"] for run in runs]
            ),
            "unlabelled": runs[0]["unlabelled"],
            "believed": _spread([run["believed"] for run in runs]),
            "shipped": [run["ships"] for run in runs],
            "of_what_shipped": _spread([run[run["ships"]] for run in runs]),
        }
    finish({"benchmark": "few_labels", "table": options.table, "split": options.split, "labels": found})


def _drawn(truth: npt.NDArray[Any], train: Rows, count: int, seed: int) -> Rows:
    """Of each class `count` of the training rows."""
    order = np.random.default_rng(seed).permutation(train)
    return np.concatenate([order[truth[order] == one][:count] for one in np.unique(truth)])


def _measured(read: Table, text: str, fusion: str, seed: int, truth: npt.NDArray[Any]) -> dict[str, Any]:
    image, words = encoders()
    schema = infer_schema(read, label="label", image=("image",), text=(text,), split="split")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        told = build_model(
            read,
            schema,
            Path(folder) / "model",
            Options(
                image_encoders=(str(image),),
                text_encoders=(str(words),),
                fusion=fusion,
                semi_supervised=True,
                validation_size=0.0,
                seed=seed,
            ),
        )
    semi = told["semi_supervised"]
    other = next(way for way in WAYS if way != semi["ships"])
    both = {semi["ships"]: told["overall"], other: semi[other]["overall"]}
    return {
        **{way: both[way]["metrics"]["accuracy"]["value"] for way in WAYS},
        **{f"{way}_log_loss": both[way]["metrics"]["log_loss"]["value"] for way in WAYS},
        "ships": semi["ships"],
        "unlabelled": semi["unlabelled"],
        "believed": sum(semi["believed"].values()),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


if __name__ == "__main__":
    main()
