"""Cost of `motet predict` of 1000 rows, nothing cached, against the bare passes over the same rows. Whole processes."""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from _measuring import TABLES, arguments, encoders, finish, motet, ratios, seconds, spread, table


def main() -> None:
    options = arguments(__doc__, table="flipkart1050", rows=1000, runs=3)
    path, columns = table(options.table), TABLES[options.table]
    image, text = encoders()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        seconds(
            motet(
                "train", path, "--label", columns["label"], "--image", "image", "--text", columns["text"],
                "--image-encoder", image, "--text-encoder", text, "--split-column", "split", "-o", place / "model",
                cache=place / "training",
            )
        )  # fmt: skip
        few = place / "rows.csv"
        with path.open(encoding="utf-8-sig", newline="") as source, few.open("w", encoding="utf-8") as target:
            reader = csv.DictReader(source)
            writer = csv.DictWriter(target, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(row for row, _ in zip(reader, range(options.rows), strict=False))
        bare = Path(__file__).with_name("bare_passes.py")
        for run in range(options.runs):
            command = motet(
                "predict", place / "model", few, "--image-root", path.parent, "-o", place / "answers.csv",
                cache=place / f"cache{run}",
            )  # fmt: skip
            ours.append(seconds(command))
            theirs.append(seconds([sys.executable, str(bare), str(path), columns["text"], str(options.rows)]))
            print(round(ours[-1], 2), round(theirs[-1], 2), flush=True)
    finish(
        {
            "benchmark": "predict_cost",
            "rows": options.rows,
            "seconds": {"predict": spread(ours), "bare": spread(theirs)},
            "ratio_to_bare": ratios(ours, theirs),
        }
    )


if __name__ == "__main__":
    main()
