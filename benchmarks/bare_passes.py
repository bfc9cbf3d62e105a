"""The other side of the cost benchmarks: plain eager PyTorch float32 passes of the same encoders over the same rows.

Pictures are decoded and resized with Pillow, 32 at a time; texts are padded to 128 word pieces, 32 at a time.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import AutoModel

from _measuring import encoders

BATCH = 32
LENGTH = 128


def main(path: Path, column: str, rows: int) -> None:
    torch.set_num_threads(2)
    vision, words = encoders()
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))[:rows]
    pictures = [path.parent / row["image"] for row in table if row["image"]]
    image_model = AutoModel.from_pretrained(vision, use_safetensors=True, dtype=torch.float32).eval()
    text_model = AutoModel.from_pretrained(words, use_safetensors=True, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(words / "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    begun = time.perf_counter()
    with torch.inference_mode():
        for i in range(0, len(pictures), BATCH):
            arrays = [
                np.asarray(
                    Image.open(p).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR), np.float32
                )
                for p in pictures[i : i + BATCH]
            ]
            pixels = torch.from_numpy(np.stack(arrays).transpose(0, 3, 1, 2) / 127.5 - 1)
            image_model(pixel_values=pixels)
    image_seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    with torch.inference_mode():
        for i in range(0, len(table), BATCH):
            encoded = tokenizer.encode_batch([row[column] for row in table[i : i + BATCH]])
            ids = torch.tensor([one.ids for one in encoded])
            mask = torch.tensor([one.attention_mask for one in encoded])
            text_model(input_ids=ids, attention_mask=mask)
    text_seconds = time.perf_counter() - begun
    print(json.dumps({"images": image_seconds, "texts": text_seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
