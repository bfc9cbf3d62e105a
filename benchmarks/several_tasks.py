"""Answering, captioning and matching easy_vqa together, on one picture encoder, against each alone.

Sentences are made of the answers that name a picture's colour and shape ("a blue rectangle"), one a picture. Splits are
those of `vqa.py`; `--pictures N` takes the first N training pictures alone.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow as pa

from _measuring import arguments, finish
from motet.data import Table, infer_schema
from motet.deployment import AnswerOptions, CaptionOptions, MatchOptions
from motet.deployment.several import SeveralOptions, build_several
from motet.training.together import TogetherSettings
from vqa import rows


def main() -> None:
    options = arguments(__doc__, split="val", pictures=400, weighting="fixed,uncertainty,round-robin", seed=0)
    read = with_sentences(rows(options.split, options.pictures))
    pairs = infer_schema(read, image=["image"], text=["sentence"], split="split")
    asked = infer_schema(read, image=["image"], question=["question"], answer=["answer"], split="split")
    schemas = {"answer": asked, "caption": pairs, "match": pairs}
    tasks = {
        "answer": AnswerOptions(seed=options.seed),
        "caption": CaptionOptions(seed=options.seed),
        "match": MatchOptions(seed=options.seed),
    }
    measured = {}
    for number, weighting in enumerate(options.weighting.split(",")):
        together = TogetherSettings(weighting=weighting, seed=options.seed)
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            said = SeveralOptions(tasks, together, alone=number == 0)
            found = build_several(read, schemas, Path(folder) / "models", said)
        for epoch in found["history"]:
            print(epoch)
        measured[weighting] = {
            "tasks": found["tasks"],
            "weights": found["weights"],
            "best_epoch": found["best_epoch"],
            "seconds": round(time.perf_counter() - begun, 1),
        }
        print(measured[weighting], flush=True)
    finish(
        {
            "benchmark": "several_tasks",
            "split": options.split,
            "pictures": options.pictures,
            "weightings": measured,
        }
    )


def with_sentences(read: Table) -> Table:
    """The same with a sentence on the first row of each picture whose colour and shape its answers tell."""
    asked = read.data.to_pylist()
    colours: dict[str, str] = {}
    shapes: dict[str, str] = {}
    for row in asked:
        if not row["question"].startswith("what"):
            continue  # the others ask yes or no
        words = row["question"].rstrip("?").split()
        if "color" in words:
            colours[row["image"]] = row["answer"]
            shapes |= {row["image"]: words[-1]} if words[-1] != "shape" else {}
        else:
            shapes[row["image"]] = row["answer"]
            colours |= {row["image"]: words[-2]} if words[:3] == ["what", "is", "the"] else {}
    sentences: list[str | None] = []
    told: set[str] = set()
    for row in asked:
        image = row["image"]
        whole = image in colours and image in shapes and image not in told
        sentences.append(f"a {colours[image]} {shapes[image]}" if whole else None)
        told |= {image} if whole else set()
    return Table(
        read.data.append_column("sentence", pa.array(sentences, pa.large_string())), read.root, read.name
    )


if __name__ == "__main__":
    main()
