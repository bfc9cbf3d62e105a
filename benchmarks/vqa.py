"""Questions about pictures on easy_vqa, through what `motet train --task answer` calls, learned from scratch.

With `--split val` the official validation pictures are measured, and one training picture in ten takes their place; the
test pictures are not read. `--split test` reads them, for the figure that is told: a question look-up alone has .669.
`--pictures N` takes the first N training pictures alone.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow as pa

from _measuring import accuracy, arguments, finish, table
from motet.data import Table, infer_schema, read_table
from motet.deployment import AnswerOptions, build_answer_model

HELD = 10  # one training picture of so many chooses, where validation pictures are measured


def main() -> None:
    options = arguments(__doc__, split="val", fusion="auto", pictures=0, limit=0.0, seed=0)
    read = rows(options.split, options.pictures)
    schema = infer_schema(read, image=["image"], question=["question"], answer=["answer"], split="split")
    asked = AnswerOptions(fusion=options.fusion, seed=options.seed, time_limit=options.limit or None)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        evaluation = build_answer_model(read, schema, Path(folder) / "model", asked)
    whole = round(time.perf_counter() - begun, 1)
    for epoch in next(iter(evaluation["history"].values())):
        print(epoch)
    measured = {"all": evaluation["overall"], **evaluation["patterns"], **evaluation["baselines"]}
    finish(
        {
            "benchmark": "vqa",
            "split": options.split,
            "n": evaluation["n"],
            "accuracy": {name: accuracy(one) for name, one in measured.items()},
            "question types": {one["name"]: accuracy(one) for one in evaluation["slices"]["question type"]},
            "chosen": {name: one["chosen"] for name, one in evaluation["selection"].items()},
            "seconds": {**evaluation["seconds"], "whole": whole},
        }
    )


def rows(split: str, pictures: int) -> Table:
    """The table; where validation is measured, without the test pictures."""
    read = read_table(table("easy_vqa"))
    numbers: dict[str, int] = {}
    kept = []
    for row in read.data.to_pylist():
        if split != "test" and row["split"] == "test":
            continue
        if row["split"] != "test":
            number = numbers.setdefault(row["image"], len(numbers))
            if pictures and number >= pictures:
                continue
            if split != "test":
                row["split"] = "test" if row["split"] == "val" else "val" if number % HELD == 0 else "train"
        kept.append(row)
    return Table(pa.Table.from_pylist(kept), read.root, read.name)


if __name__ == "__main__":
    main()
