"""How fast captions are decoded: greedy captions a second at batch 32, and a cache of words against none at 20 words.

The weights are random, in the shape that `motet train --task caption` writes, over 7 x 7 cells of 1,280 numbers: the
time of decoding is measured, without that of the picture encoder. So that both decode the same number of words, the end
is never likely. Asked: 30 captions a second; with the cache at least three times as fast; equal captions.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _measuring import arguments, finish, spread
from motet.deployment.caption_graphs import export_decoder
from motet.runtime.caption_step import CachedWriting, Pictures, PlainWriting, StepGraph
from motet.runtime.caption_tokens import CaptionTokens
from motet.runtime.decoding import Decoding, decode
from motet.runtime.head import Head
from motet.tasks.caption import CaptionDecoder, DecoderShape
from motet.training.caption_settings import CaptionSettings
from motet.training.caption_words import learn_caption_tokenizer

SOURCE, CELLS, WIDTH = "image:grid", 49, 1280


def main() -> None:
    options = arguments(__doc__, batch=32, words=20, runs=7, seed=0)
    random = np.random.default_rng(options.seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(random.choice(letters, random.integers(2, 9))) for _ in range(3000)]
    texts = [" ".join(random.choice(words, 10)) for _ in range(6000)]
    tokens = CaptionTokens(learn_caption_tokenizer(texts, vocabulary=CaptionSettings.vocabulary))
    with tempfile.TemporaryDirectory() as folder:
        head, step = exported(Path(folder), tokens, options.seed)
        cells = random.normal(size=(options.batch, CELLS, WIDTH)).astype(np.float32)
        finish(
            {"benchmark": "decoding", "load": os.getloadavg()[0], **timed(head, step, cells, tokens, options)}
        )


def exported(folder: Path, tokens: CaptionTokens, seed: int) -> tuple[Head, StepGraph]:
    usual = CaptionSettings()
    torch.manual_seed(seed)
    decoder = CaptionDecoder(
        DecoderShape(
            tokens.size, WIDTH, usual.width, usual.layers, usual.memory_layers, usual.heads, usual.longest
        )
    )
    with torch.no_grad():
        decoder.bias[tokens.end] = -1e4
    export_decoder(decoder, SOURCE, folder)
    return Head(folder / "prefix.onnx", (SOURCE,)), StepGraph(folder / "step.onnx")


def timed(
    head: Head, step: StepGraph, cells: np.ndarray, tokens: CaptionTokens, options: Any
) -> dict[str, Any]:
    mask = np.ones(cells.shape[:2], bool)
    how = Decoding(longest=options.words + 2)
    beams = Decoding(longest=options.words + 2, beams=3)

    def run(
        kind: type[CachedWriting] | type[PlainWriting], way: Decoding
    ) -> tuple[list[tuple[int, ...]], float]:
        begun = time.perf_counter()
        keys, values = head.run_tokens(cells, mask)
        found = decode(kind.of(step, Pictures(keys, values, mask)), len(cells), tokens, way)
        return [one.ids for one in found], time.perf_counter() - begun

    run(CachedWriting, how), run(PlainWriting, how)
    cached, plain, wide, equal = [], [], [], True
    for _ in range(options.runs):
        one, taken = run(CachedWriting, how)
        other, longer = run(PlainWriting, how)
        equal &= one == other and all(len(ids) == options.words for ids in one)
        cached.append(taken)
        plain.append(longer)
        wide.append(run(CachedWriting, beams)[1])
    return {
        "greedy_captions_a_second": spread([len(cells) / taken for taken in cached]),
        "three_beams_captions_a_second": spread([len(cells) / taken for taken in wide]),
        "without_cache_captions_a_second": spread([len(cells) / taken for taken in plain]),
        "cache_times_faster": round(statistics.median(b / a for a, b in zip(cached, plain, strict=True)), 2),
        "equal": equal,
    }


if __name__ == "__main__":
    main()
