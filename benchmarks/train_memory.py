"""Peak memory of `motet train` on a table of many rows whose features are already cached (made up, 512 wide, float16).

The table holds a picture (a few bytes, never decoded: its features are known), a sentence and one of ten classes. The
features are drawn around a centre for each class. Measured in a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from _measuring import arguments, finish, motet, peak_gigabytes_of_children, seconds

WIDTH = 512
CLASSES = 10
CHUNK = 50_000


def main() -> None:
    options = arguments(__doc__, rows=1_000_000, lexical=0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # In a process of its own, so that what it needs is not in the figure.
        making = [sys.executable, __file__, "--make", str(place), str(options.rows)]
        making_seconds = seconds(making)
        making_peak = peak_gigabytes_of_children()
        command = motet(
            "train", place / "rows.arrow", "--label", "label", "--image", "image", "--text", "text",
            "--image-encoder", place / "image", "--text-encoder", place / "text", "-o", place / "model",
            *([] if options.lexical else ["--no-lexical"]), "--json",
            cache=place / "cache",
        )  # fmt: skip
        taken = seconds(command)
        evaluation = json.loads((place / "model" / "evaluation.json").read_text(encoding="utf-8"))
        finish(
            {
                "benchmark": "train_memory",
                "rows": options.rows,
                "lexical": bool(options.lexical),
                "peak_gb": round(peak_gigabytes_of_children(), 2),
                "peak_gb_of_making": round(making_peak, 2),
                "seconds": round(taken, 1),
                "seconds_of_making": round(making_seconds, 1),
                "stages": evaluation["seconds"],
                "notes": evaluation["notes"],
                "accuracy": evaluation["overall"]["metrics"]["accuracy"],
            }
        )


def make(place: Path, rows: int) -> None:
    """Write the table, two stand-in encoders, and a cache that holds the features of every cell."""
    from motet.encoders import FeatureCache
    from motet.encoders.pretrained import PretrainedEncoder

    random = np.random.default_rng(0)
    cache = FeatureCache(place / "cache" / "features")
    shelves, centres = {}, {}
    for modality in ("image", "text"):
        encoder = PretrainedEncoder(stand_in(place, modality))
        shelves[modality] = cache.shelf(encoder.fingerprint, WIDTH)
        centres[modality] = random.normal(0, 0.08, (CLASSES, WIDTH)).astype(np.float32)
    schema = pa.schema([("image", pa.binary()), ("text", pa.string()), ("label", pa.string())])
    with pa.OSFile(str(place / "rows.arrow"), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for begin in range(0, rows, CHUNK):
            numbers = np.arange(begin, min(begin + CHUNK, rows))
            labels = random.integers(0, CLASSES, len(numbers))
            cells = {
                "image": [int(n).to_bytes(8, "big") for n in numbers],
                "text": [f"item {n} of kind {n % 977}" for n in numbers],
            }
            for modality, values in cells.items():
                noise = random.standard_normal((len(numbers), WIDTH), dtype=np.float32)
                raw = [value if isinstance(value, bytes) else value.encode() for value in values]
                shelves[modality].add(keys(raw), centres[modality][labels] + noise)
            names = [f"class {k}" for k in labels]
            writer.write_batch(pa.record_batch([cells["image"], cells["text"], names], schema=schema))


def keys(values: list[bytes]) -> np.ndarray:
    from hashlib import blake2b

    digests = b"".join(blake2b(value, digest_size=16).digest() for value in values)
    return np.frombuffer(digests, np.uint8).reshape(-1, 16)


def stand_in(place: Path, modality: str) -> Path:
    """A directory that looks like a model, prepared in the cache under its identity, its engine already chosen."""
    import torch
    from safetensors.torch import save_file

    from motet.encoders import torch_engine, torch_pretrained

    source = place / modality
    source.mkdir()
    (source / "config.json").write_text(json.dumps({"model_type": "stand-in", "modality": modality}))
    save_file({"weight": torch.zeros(1)}, source / "model.safetensors")
    identity = torch_pretrained._identity(source, modality, None)
    prepared = place / "cache" / "encoders" / identity
    prepared.mkdir(parents=True)
    described = {
        "kind": "pretrained", "name": f"made-up-{modality}", "modality": modality, "width": WIDTH,
        "licence": "none", "identity": identity,
    }  # fmt: skip
    (prepared / "encoder.json").write_text(json.dumps(described))
    book = place / "cache" / "engines.json"
    known = json.loads(book.read_text()) if book.is_file() else {}
    known[f"{identity} {torch_engine._machine()}"] = {"chosen": "onnxruntime-fp32"}
    book.write_text(json.dumps(known))
    return prepared


if __name__ == "__main__":
    if "--make" in sys.argv:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
