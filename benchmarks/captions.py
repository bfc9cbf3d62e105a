"""Captions of flickr8k_bilingual through `motet train --task caption`, on grid tokens of a frozen MobileNetV2.

Measured: CIDEr-D, BLEU-4 and others of English and of Chinese, beside the captions of the nearest training picture, and
how long training takes. With `--split val` the validation pictures are measured, and one twelfth of the training
pictures takes their place; `--split test` reads the official test pictures. `--pictures N` trains on the first N alone.
`--page DIR` keeps the reports, with eight pictures drawn by the seed and their captions.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from _measuring import arguments, encoders, finish, table
from motet.data import Table, infer_schema, read_table
from motet.deployment import CaptionOptions, build_caption_model
from motet.training.caption_settings import CaptionSettings

COLUMNS = {
    "english": [f"caption{number}" for number in range(1, 6)],
    "chinese": [f"caption_zh{number}" for number in range(1, 6)],
}
HELD = 12  # one training picture of so many chooses, where validation pictures are measured


def main() -> None:
    options = arguments(
        __doc__,
        split="val",
        models="english,chinese",
        pictures=0,
        epochs=CaptionSettings.epochs,
        page="",
        seed=0,
    )
    read = rows(options.split, options.pictures)
    found: dict[str, Any] = {}
    for name in options.models.split(","):
        found[name] = measured(read, name, options.epochs, options.seed, options.page)
        print(name, found[name], flush=True)
    finish({"benchmark": "captions", "split": options.split, "load": os.getloadavg()[0], "results": found})


def rows(split: str, pictures: int) -> Table:
    """The table without `unused` pictures; where validation is measured, without the test pictures too."""
    read = read_table(table("flickr8k_bilingual"))
    left = ["train", "val", "test"] if split == "test" else ["train", "val"]
    data = read.data.filter(pc.is_in(read.column("split"), value_set=pa.array(left)))
    if split != "test":
        sides = [
            "test" if side == "val" else "val" if number % HELD == 0 else "train"
            for number, side in enumerate(data.column("split").to_pylist())
        ]
        data = data.set_column(data.column_names.index("split"), "split", pa.array(sides))
    if pictures:
        train = pc.equal(data.column("split"), "train").to_pylist()
        seen, kept = 0, []
        for mine in train:
            seen += mine
            kept.append(not mine or seen <= pictures)
        data = data.filter(pa.array(kept))
    return Table(data, read.root, read.name)


def measured(read: Table, name: str, epochs: int, seed: int, page: str) -> dict[str, Any]:
    image, _ = encoders()
    schema = infer_schema(read, image=["image"], text=COLUMNS[name], split="split")
    options = CaptionOptions(image_encoders=(str(image),), training=CaptionSettings(epochs=epochs), seed=seed)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        evaluation = build_caption_model(read, schema, Path(folder) / "model", options)
        if page:
            Path(page).mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / "model" / "report.html", Path(page) / f"captions-{name}.html")
    entries = {"this model": evaluation, **evaluation["baselines"]}
    return {
        **{
            entry: {
                **{
                    key: [round(one["metrics"][key][end], 4) for end in one["metrics"][key]]
                    for key in one["metrics"]
                },
                **one["faults"],
            }
            for entry, one in entries.items()
        },
        "examples": [[one["caption"], one["neighbour"]] for one in evaluation["examples"]["captions"]],
        "epochs": len(evaluation["history"]["decoder"]),
        "seconds": {**evaluation["seconds"], "whole": round(time.perf_counter() - begun, 1)},
    }


if __name__ == "__main__":
    main()
