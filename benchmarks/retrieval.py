"""Finding pictures by sentences and sentences by pictures on flickr8k_bilingual, through `motet train --task match`.

One model for each of English (MobileNetV2, MiniLM and lexical), Chinese (lexical alone: no pretrained Chinese encoder),
and both together. With `--split val` the validation pictures are measured, one twelfth of the training pictures takes
their place, and `--ablations 1` measures what each addition gives; `--split test` reads the official test pictures.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from _measuring import arguments, encoders, finish, table
from motet.data import Table, infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.training.match_settings import MatchSettings

ENGLISH = [f"caption{number}" for number in range(1, 6)]
CHINESE = [f"caption_zh{number}" for number in range(1, 6)]
COLUMNS = {"english": ENGLISH, "chinese": CHINESE, "both": ENGLISH + CHINESE}
HELD = 12  # one training picture of so many chooses, where validation pictures are measured
SHOWN = ("recall@1", "recall@5", "recall@10", "median_rank")


def main() -> None:
    options = arguments(__doc__, split="val", models="english,chinese,both", ablations=0, seed=0)
    read = rows(options.split)
    found: dict[str, Any] = {}
    for name in options.models.split(","):
        found[name] = measured(read, COLUMNS[name], settings(name, options.seed))
        print(name, found[name], flush=True)
    if options.ablations:
        for name, changed, columns in changes(options.seed):
            found[name] = measured(read, columns, changed)
            print(name, found[name], flush=True)
    finish({"benchmark": "retrieval", "split": options.split, "results": found})


def settings(name: str, seed: int) -> MatchOptions:
    image, text = encoders()
    words = ("lexical",) if name == "chinese" else (str(text),)
    return MatchOptions(image_encoders=(str(image),), text_encoders=words, seed=seed)


def changes(seed: int) -> list[tuple[str, MatchOptions, list[str]]]:
    """The English recipe with one thing left out or added."""
    usual, one = settings("english", seed), MatchSettings(members=1)
    return [
        ("one member", replace(usual, training=one), ENGLISH),
        ("one member, without lexical", replace(usual, training=one, lexical=False), ENGLISH),
        ("one member, one sentence a batch", replace(usual, training=replace(one, sentences=1)), ENGLISH),
        ("one member, one sentence a picture", replace(usual, training=one), ENGLISH[:1]),
        ("one member, hard negatives", replace(usual, training=one, terms={"triplet": 1.0}), ENGLISH),
        ("one member, sigmoid", replace(usual, training=one, objective="sigmoid"), ENGLISH),
        ("one member, triplet alone", replace(usual, training=one, objective="triplet"), ENGLISH),
        ("one member, local", replace(usual, training=one, terms={"local": 1.0}), ENGLISH),
    ]


def rows(split: str) -> Table:
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
    return Table(data, read.root, read.name)


def measured(read: Table, columns: list[str], options: MatchOptions) -> dict[str, Any]:
    schema = infer_schema(read, image=["image"], text=columns, split="split")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        evaluation = build_match_model(read, schema, Path(folder) / "model", options)
    of = {
        "trained": evaluation,
        **({"reranked": evaluation["reranked"]} if "reranked" in evaluation else {}),
        **evaluation["baselines"],
        **evaluation.get("languages", {}),
    }
    return {
        **{name: {d: figures(e) for d, e in one["directions"].items()} for name, one in of.items()},
        "seconds": {**evaluation["seconds"], "whole": round(time.perf_counter() - begun, 1)},
    }


def figures(entry: dict[str, Any]) -> dict[str, list[float]]:
    return {
        name: [round(entry["metrics"][name][end], 4) for end in ("value", "low", "high")] for name in SHOWN
    }


if __name__ == "__main__":
    main()
