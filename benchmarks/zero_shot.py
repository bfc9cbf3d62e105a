"""Zero-shot to groups of noto_emoji that training never saw, against chance and a lexical baseline; few-shot beside.

The nine groups are parted into three thirds. For each third a model is trained on the pairs of the other six groups
(`motet train --task match`), and the pictures of the third are told apart by the names of its three groups. Half of
them, drawn by the seed, are measured, the others are the examples of few-shot. The lexical baseline compares the words
of the row with the name of the group by TF-IDF: it reads the words, which the pictures' answer does not.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from _measuring import arguments, encoders, finish, table
from motet.data import Table, infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.runtime import MatchModel
from motet.runtime.evaluate_zero_shot import evaluate_zero_shot
from motet.training.text_probe import fit_text_probe

TEMPLATES = ("{}", "an emoji of {}", "a drawing of {}")


def main() -> None:
    options = arguments(__doc__, seed=0, shots=16)
    read = read_table(table("noto_emoji"))
    groups = np.array(read.column("label").to_pylist())
    names = sorted(set(groups.tolist()))
    found = {}
    for third in range(3):
        held = names[third::3]
        found[", ".join(held)] = measured(read, groups, held, options.seed, options.shots)
        print(held, found[", ".join(held)], flush=True)
    ways = {key for one in found.values() for key in one}
    mean = {way: round(float(np.mean([one[way] for one in found.values() if way in one])), 4) for way in ways}
    finish(
        {"benchmark": "zero_shot", "table": "noto_emoji", "thirds": found, "mean": dict(sorted(mean.items()))}
    )


def measured(read: Table, groups: np.ndarray, held: list[str], seed: int, shots: int) -> dict[str, float]:
    inside = np.isin(groups, held)
    random = np.random.default_rng(seed)
    learned = with_split(read, np.flatnonzero(~inside), random, ("train", "val"), 0.15)
    asked = with_split(read, np.flatnonzero(inside), random, ("train", "test"), 0.5)
    schema = infer_schema(learned, image=["image"], text=["text"], split="split")
    image, text = map(str, encoders())
    with tempfile.TemporaryDirectory() as folder:
        build_match_model(learned, schema, Path(folder) / "model", MatchOptions((image,), (text,), seed=seed))
        result = evaluate_zero_shot(
            MatchModel(Path(folder) / "model"),
            asked,
            "label",
            labels=held,
            templates=TEMPLATES,
            shots=shots,
            fit_probe=lambda classes, examples, truth, scale: fit_text_probe(
                classes, examples, truth, scale=scale
            ),
        )
    accuracy: dict[str, float] = {
        "chance": result["chance"],
        "lexical words": lexical(asked, held),
        "zero-shot": result["metrics"]["accuracy"]["value"],
    }
    for count, ways in result["few_shot"].items():
        for way in ("cache", "probe"):
            accuracy[f"{count} shots, {way}"] = ways[way]["accuracy"]["value"]
    return {name: round(value, 4) for name, value in accuracy.items()}


def with_split(
    read: Table, rows: np.ndarray, random: np.random.Generator, sides: tuple[str, str], share: float
) -> Table:
    drawn = np.where(random.random(len(rows)) < share, sides[1], sides[0])
    data = read.data.take(pa.array(rows))
    data = data.set_column(data.column_names.index("split"), "split", pa.array(drawn.tolist()))
    return Table(data, read.root, read.name)


def lexical(asked: Table, held: list[str]) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = [i for i, side in enumerate(asked.column("split").to_pylist()) if side == "test"]
    words: Any = [asked.column("text")[i].as_py() for i in rows]
    truth = [asked.column("label")[i].as_py() for i in rows]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).fit(words + held)
    similar = (vectors.transform(words) @ vectors.transform(held).T).toarray()
    return float(np.mean([held[k] == name for k, name in zip(similar.argmax(axis=1), truth, strict=True)]))


if __name__ == "__main__":
    main()
