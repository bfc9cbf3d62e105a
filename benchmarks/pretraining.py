"""Pretraining without labels on fashion_products, then few labels a class: does it help?

Pictures and words of the training rows alone are pretrained on (`text_masked`, without the words of the classes;
`--text text` keeps them). Then classes are learned from the pictures with 1, 5, 20 or all labels a class, drawn
by several seeds: a `small` network from scratch, the same begun with the pretrained weights, a linear probe on the
pretrained encoder, and a linear probe on the frozen ImageNet MobileNetV2. Asked: pretrained above from scratch by 10
points or more at 5 and 20 labels. Validation rows are measured; `--split test` reads the test rows.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from _measuring import arguments, encoders, finish, table
from motet.data import ImageCells, Table, infer_schema, read_table
from motet.deployment import PretrainOptions, build_encoders
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_choose import open_encoder
from motet.fusion import Source
from motet.runtime.target import ClassTarget
from motet.tasks import objective_of
from motet.training import Fold, fit_probe
from motet.training.from_scratch import fit_small
from motet.training.pretrain_settings import PretrainSettings
from motet.training.small import SmallSettings

Rows = npt.NDArray[np.int64]
Answers = Callable[[Rows, int, Path], npt.NDArray[np.int64]]
EPOCHS = 40  # from scratch: few rows have few steps an epoch, and no validation rows stop them


def main() -> None:
    options = arguments(
        __doc__,
        split="val",
        text="text_masked",
        terms="",
        epochs=PretrainSettings.epochs,
        val_size=0.1,
        labels="1,5,20,all",
        seeds=3,
        ways="from scratch,pretrained start,pretrained probe,imagenet probe",
        seed=0,
        keep="",
    )
    read = read_table(table("fashion_products"))
    read = Table(read.data.filter(pc.not_equal(read.column("split"), "unused")), read.root, read.name)
    sides = np.array(read.column("split").to_pylist())
    classes, truth = np.unique(np.array(read.column("label").to_pylist()), return_inverse=True)
    train, measured = np.flatnonzero(sides == "train"), np.flatnonzero(sides == options.split)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(options.keep or Path(folder) / "encoders")
        pretraining: dict[str, Any] = {}
        if not place.exists():
            pretraining = pretrained(read, train, options, place)
            print("pretraining", pretraining, flush=True)
        ways = ways_of(read, truth, measured, len(classes), place)
        found: dict[str, dict[str, Any]] = {}
        for labels in options.labels.split(","):
            for way in options.ways.split(","):
                scores = []
                for seed in range(1 if labels == "all" else options.seeds):
                    given = drawn(train, truth, labels, seed)
                    told = ways[way](given, seed, Path(folder))
                    scores.append(float((told == truth[measured]).mean()))
                found.setdefault(labels, {})[way] = {
                    "accuracy": round(float(np.mean(scores)), 4),
                    "seeds": [round(score, 4) for score in scores],
                }
                print(labels, way, found[labels][way], flush=True)
    finish(
        {
            "benchmark": "pretraining",
            "split": options.split,
            "text": options.text,
            "load": os.getloadavg()[0],
            "pretraining": pretraining,
            "results": found,
        }
    )


def pretrained(read: Table, train: Rows, options: Any, place: Path) -> dict[str, Any]:
    """Pretrain on the pictures and words of the training rows: no label, and no other row, is in the table."""
    alone = Table(read.data.select(["image", options.text]).take(pa.array(train)), read.root, read.name)
    schema = infer_schema(alone, image=["image"], text=[options.text])
    said = {}
    if options.terms:
        parts = (term.partition("=") for term in options.terms.split(","))
        said = {"terms": {name: float(weight or 1) for name, _, weight in parts}}
    settings = PretrainSettings(epochs=options.epochs, **said)
    begun = time.perf_counter()
    made = build_encoders(alone, schema, place, PretrainOptions(options.val_size, settings, options.seed))
    best = made["history"][made["best_epoch"] - 1]
    return {
        "terms": made["terms"],
        "pairs": made["data"]["pairs"],
        "epochs": made["epochs"],
        "best_epoch": made["best_epoch"],
        "validation": {name: round(loss, 3) for name, loss in best["validation"].items()},
        "reciprocal_rank": best["reciprocal_rank"],
        "seconds": round(time.perf_counter() - begun, 1),
    }


def drawn(train: Rows, truth: Rows, labels: str, seed: int) -> Rows:
    """So many training rows of each class, or all."""
    if labels == "all":
        return train
    random = np.random.default_rng(seed)
    shuffled = random.permutation(train)
    return np.sort(
        np.concatenate([shuffled[truth[shuffled] == one][: int(labels)] for one in np.unique(truth)])
    )


def ways_of(read: Table, truth: Rows, measured: Rows, classes: int, place: Path) -> dict[str, Answers]:
    """What learns classes from the pictures of some rows, and answers the measured ones."""
    cells = ImageCells(read, ["image"])
    image, _ = encoders()

    def end_to_end(given: Rows, seed: int, folder: Path, start: Path | None) -> npt.NDArray[np.int64]:
        epochs = EPOCHS if len(given) < 1000 else SmallSettings.epochs
        settings = SmallSettings(epochs=epochs, patience=epochs)
        directory, _ = fit_small(
            "image", cells, truth, given, given[:0], classes, seed=seed, folder=folder / "small",
            settings=settings, start=start,
        )  # fmt: skip
        return probe(PretrainedEncoder(directory))(given, seed, folder)

    def probe(encoder: Any) -> Answers:
        rows = np.arange(len(read))
        table_of = encoder.encode(cells, rows)
        source = Source("image", "image", encoder.width)
        objective = objective_of(ClassTarget(tuple(map(str, range(classes)))))

        def answers(given: Rows, seed: int, folder: Path) -> npt.NDArray[np.int64]:
            # The penalty is chosen on a fifth of the rows that are given; where these are few it is the usual one.
            parted = np.random.default_rng(seed).random(len(given)) < (0.2 if len(given) > 100 else 0.0)
            inner = Fold({"image": table_of}, truth, given[~parted], given[parted])
            whole = Fold({"image": table_of}, truth, given, measured)
            probe = fit_probe(source, whole, [inner, whole], objective)
            return np.asarray(probe.held_logits[-1].argmax(axis=1))

        return answers

    return {
        "from scratch": lambda given, seed, folder: end_to_end(given, seed, folder, None),
        "pretrained start": lambda given, seed, folder: end_to_end(given, seed, folder, place / "image"),
        "pretrained probe": probe(open_encoder(str(place / "image"), "image")),
        "imagenet probe": probe(open_encoder(str(image), "image")),
    }


if __name__ == "__main__":
    main()
