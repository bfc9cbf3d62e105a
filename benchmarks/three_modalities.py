"""Spoken digits, joined with a drawn picture of the digit and its word, each missing at random: all seven patterns.

Pictures are noisy and words are sometimes those of another digit, so that no modality says everything. Trained on the
table's training and validation rows; each pattern is measured on its test rows beside the best single modality.
"""

from __future__ import annotations

import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from _measuring import arguments, finish, table
from motet.data import infer_schema, read_table
from motet.deployment import Options, build_model

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def main() -> None:
    options = arguments(__doc__, missing=0.3, wrong_words=0.15, seed=0)
    source = table("fsdd_audio")
    random = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "pictures").mkdir()
        rows = []
        with source.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                digit = int(row["label"])
                said = digit if random.random() >= options.wrong_words else int(random.integers(10))
                have = random.random(3) >= options.missing
                picture = f"pictures/{row['id']}.png"
                draw(digit, random).save(place / picture)
                (place / row["audio"]).parent.mkdir(exist_ok=True)
                (place / row["audio"]).write_bytes((source.parent / row["audio"]).read_bytes())
                rows.append(
                    {
                        "image": picture if have[0] else "",
                        "text": f"they said {WORDS[said]}" if have[1] else "",
                        "audio": row["audio"] if have[2] else "",
                        "label": row["label"],
                        "split": row["split"],
                    }
                )
        path = place / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        read = read_table(path)
        schema = infer_schema(read, label="label", image=("image",), text=("text",), audio=("audio",))
        begun = time.perf_counter()
        told = build_model(read, schema, place / "model", Options(seed=options.seed, cache=False))
        taken = time.perf_counter() - begun
    accuracy = {p: e["metrics"]["accuracy"] for p, e in told["patterns"].items()}
    single = {m: accuracy[m]["value"] for m in ("image", "text", "audio")}
    finish(
        {
            "benchmark": "three_modalities",
            "seconds": round(taken, 1),
            "patterns": {p: {k: round(v, 4) for k, v in a.items()} for p, a in accuracy.items()},
            "n": {p: e["n"] for p, e in told["patterns"].items()},
            "less_best_single": {
                p: round(a["value"] - max(single[m] for m in p.split("+")), 4)
                for p, a in accuracy.items()
                if p != "none"
            },
            "chosen": {p: e["chosen"] for p, e in told["selection"].items()},
        }
    )


def draw(digit: int, random: np.random.Generator) -> Image.Image:
    """The digit at some size, place and slant, in noise."""
    page = Image.new("L", (64, 64), 255)
    font = ImageFont.load_default(size=int(random.integers(28, 44)))
    at = (int(random.integers(8, 28)), int(random.integers(2, 16)))
    ImageDraw.Draw(page).text(at, str(digit), fill=int(random.integers(0, 120)), font=font)
    turned = page.rotate(float(random.uniform(-25, 25)), fillcolor=255)
    noisy = np.asarray(turned, float) + random.normal(0, 45, (64, 64))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert("RGB")


if __name__ == "__main__":
    main()
