"""Cost of choosing, whole processes: `motet compare` over all strategies in 5 folds and `train --fusion auto` against
`train --fusion concat`, features cached; `predict` with the model that selection made against the forced one, nothing
cached.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from _measuring import TABLES, arguments, encoders, finish, motet, ratios, seconds, spread, table


def main() -> None:
    options = arguments(__doc__, table="flipkart1050", runs=3, folds=5)
    path, columns = table(options.table), TABLES[options.table]
    image, text = encoders()
    common = [
        path, "--label", columns["label"], "--image", "image", "--text", columns["text"], "--image-encoder", image,
        "--text-encoder", text, "--split-column", "split",
    ]  # fmt: skip
    times: dict[str, list[float]] = {
        name: [] for name in ("auto", "concat", "predict_auto", "predict_concat")
    }
    with tempfile.TemporaryDirectory() as folder:
        place, cache = Path(folder), Path(folder) / "cache"
        seconds(motet("train", *common, "-o", place / "auto", cache=cache))  # exports, and fills the cache
        for run in range(options.runs):
            for fusion in ("auto", "concat"):
                command = motet("train", *common, "--fusion", fusion, "-o", place / fusion, cache=cache)
                times[fusion].append(seconds(command))
                answers = place / f"{fusion}.csv"
                fresh = place / f"fresh{run}{fusion}"  # nothing cached: what a new table costs
                command = motet("predict", place / fusion, path, "-o", answers, cache=fresh)
                times[f"predict_{fusion}"].append(seconds(command))
            print({name: round(values[-1], 2) for name, values in times.items()}, flush=True)
        comparing = seconds(motet("compare", *common, "--folds", str(options.folds), cache=cache))
    finish(
        {
            "benchmark": "compare_cost",
            "table": options.table,
            "folds": options.folds,
            "seconds": {"compare": round(comparing, 1), **{name: spread(v) for name, v in times.items()}},
            "train_auto_to_concat": ratios(times["auto"], times["concat"]),
            "predict_auto_to_concat": ratios(times["predict_auto"], times["predict_concat"]),
        }
    )


if __name__ == "__main__":
    main()
