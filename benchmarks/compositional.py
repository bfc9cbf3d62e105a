"""Combinations never seen together: questions about generated scenes, through what `motet train --task answer` calls.

Every model learns the same training scenes (`motet demo --scenes`), and answers test scenes of the same combinations
of colour and shape (`seen`), and of combinations that no training scene has (`unseen`). `concat` reads one pooled
vector of each side; `film` and `transformer` read tokens. Pictures are read with the places of their tokens, form and
colours apart, and words begin apart (SETTINGS). `--split val` measures validation scenes, all of whose
combinations were seen, and reads no test scene; one training scene in ten then takes their place.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from _measuring import accuracy, arguments, finish
from motet.data import Table, infer_schema, read_table
from motet.data.scenes import HELD_OUT, write_scenes
from motet.deployment import AnswerOptions, build_answer_model
from motet.runtime import AnswerModel
from motet.training.answer_settings import SMALL, AnswerSettings

SETTINGS = AnswerSettings(
    epochs=28,
    rows_shown=2_000_000,
    patience=28,
    rows=64,
    questions=5,
    learning_rate=1e-3,
    dropout=0.0,
    small=replace(
        SMALL,
        shift=2,
        vision=replace(SMALL.vision, places=True, colours=32),
        words=replace(SMALL.words, initializer_range=0.5, dropout=0.0),
    ),
)
HELD = 10  # one training picture of so many chooses, where validation pictures are measured


def main() -> None:
    options = arguments(
        __doc__, split="val", fusions="concat,film,transformer", scenes=20_000, limit=0.0, seed=0
    )
    with tempfile.TemporaryDirectory() as folder:
        written = write_scenes(Path(folder) / "scenes", count=options.scenes)
        read = read_table(written.questions)
        parts = sides(read, options.split)
        models = {
            name: measured(name, parts, Path(folder) / name, options) for name in options.fusions.split(",")
        }
    result: dict[str, Any] = {
        "benchmark": "compositional",
        "split": options.split,
        "held_out": [" ".join(one) for one in HELD_OUT],
        "rows": {name: len(part) for name, part in parts.items()},
        "models": models,
    }
    if options.split == "test":
        result["gap"] = {name: gap(one) for name, one in models.items()}
    finish(result)


def sides(read: Table, split: str) -> dict[str, Table]:
    """The rows to learn from, and those to measure on, by what they are called."""
    rows = read.data.to_pylist()
    learned = [
        row for row in rows if row["split"] == "train" or (split == "test" and row["split"] == "validation")
    ]
    if split == "test":
        asked = {
            name: [row for row in rows if row["split"] == "test" and row["combinations"] == name]
            for name in ("seen", "unseen")
        }
    else:
        numbers = {image: i for i, image in enumerate(dict.fromkeys(row["image"] for row in learned))}
        learned = [
            {**row, "split": "train" if numbers[row["image"]] % HELD else "validation"} for row in learned
        ]
        asked = {"seen": [row for row in rows if row["split"] == "validation"]}
    return {
        name: Table(pa.Table.from_pylist(part), read.root, read.name)
        for name, part in {"learned": learned, **asked}.items()
    }


def measured(fusion: str, parts: dict[str, Table], place: Path, options: Any) -> dict[str, Any]:
    """Train one model, and tell its accuracy on each side, by kind of question, beside its baselines."""
    learned = parts["learned"]
    schema = infer_schema(learned, image=["image"], question=["question"], answer=["answer"], split="split")
    asked = AnswerOptions(
        fusion=fusion, seed=options.seed, time_limit=options.limit or None, training=SETTINGS
    )
    begun = time.perf_counter()
    built = build_answer_model(learned, schema, place, asked)
    seconds = round(time.perf_counter() - begun, 1)
    history = next(iter(built["history"].values()))
    for epoch in history:
        print(fusion, epoch, flush=True)
    model = AnswerModel(place)
    told: dict[str, Any] = {"seconds": seconds, "epochs": len(history)}
    for name, part in parts.items():
        if name == "learned":
            continue
        found = model.evaluate(part, all_rows=True, slices=["kind"])
        told[name] = {
            "all": accuracy(found["overall"]),
            **{one["name"]: accuracy(one) for one in found["slices"]["kind"]},
            "baselines": {one: accuracy(entry)[0] for one, entry in found["baselines"].items()},
        }
        print(fusion, name, told[name], flush=True)
    return told


def gap(model: dict[str, Any]) -> float:
    """Accuracy on seen combinations less that on unseen ones."""
    return round(model["seen"]["all"][0] - model["unseen"]["all"][0], 4)


if __name__ == "__main__":
    main()
