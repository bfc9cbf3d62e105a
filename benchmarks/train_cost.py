"""Cost of `motet train` against the bare forward passes of the same encoders over the same rows.

Whole processes on two threads, in turn: (1) nothing cached, exports included; (2) encoders exported, features not
cached; (3) everything cached; (4) eager PyTorch float32 passes, texts padded to 128.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from _measuring import TABLES, arguments, encoders, finish, motet, ratios, seconds, spread, table


def main() -> None:
    options = arguments(__doc__, table="flipkart1050", runs=3)
    path, columns = table(options.table), TABLES[options.table]
    image, text = encoders()
    times: dict[str, list[float]] = {"cold": [], "exported": [], "cached": [], "bare": []}
    bare = [
        sys.executable,
        str(Path(__file__).with_name("bare_passes.py")),
        str(path),
        columns["text"],
        "1000000",
    ]
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            cache, model = Path(folder) / "cache", Path(folder) / "model"
            command = motet(
                "train", path, "--label", columns["label"], "--image", "image", "--text", columns["text"],
                "--image-encoder", image, "--text-encoder", text, "--split-column", "split", "-o", model,
                cache=cache,
            )  # fmt: skip
            times["cold"].append(seconds(command))
            shutil.rmtree(cache / "features")
            times["exported"].append(seconds(command))
            times["cached"].append(seconds(command))
        times["bare"].append(seconds(bare))
        print({name: round(values[-1], 2) for name, values in times.items()}, flush=True)
    finish(
        {
            "benchmark": "train_cost",
            "table": options.table,
            "seconds": {name: spread(values) for name, values in times.items()},
            "ratio_to_bare": {
                name: ratios(times[name], times["bare"]) for name in ("cold", "exported", "cached")
            },
        }
    )


if __name__ == "__main__":
    main()
