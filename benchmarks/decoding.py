"""How fast captions are decoded: greedy captions a second at batch 32, and with a cache against without, at 20 words.

The weights are random, in the shape that `motet train --task caption` writes, over 7 x 7 cells of 1,280 numbers: the
time of decoding is measured, without that of the picture encoder. Without a cache, each word reads all words before it
again, and the picture too (`nothing_kept`) or not (`picture_kept`). So that all decode the same number of words, the
end is never likely. Told too: whether all ways give equal captions.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _measuring import arguments, finish, spread
from motet.deployment.caption_graphs import export_decoder
from motet.runtime.caption_step import CachedWriting, Pictures, PlainWriting, StepGraph
from motet.runtime.caption_tokens import CaptionTokens
from motet.runtime.decoding import Decoding, Sentence, decode
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


@dataclass
class Nothing:
    """Nothing is kept: for each word the picture is read again, and all words before."""

    head: Head
    step: StepGraph
    cells: np.ndarray
    said: np.ndarray

    def next(self, ids: np.ndarray) -> np.ndarray:
        self.said = np.concatenate([self.said, ids[:, None]], axis=1)
        pictures = read(self.head, self.cells)
        nothing = pictures.keys[:, :, :, :0], pictures.values[:, :, :, :0]
        return self.step.run(self.said, np.arange(self.said.shape[1]), nothing, pictures)[0]

    def select(self, rows: np.ndarray) -> Nothing:
        return Nothing(self.head, self.step, self.cells[rows], self.said[rows])


def read(head: Head, cells: np.ndarray) -> Pictures:
    mask = np.ones(cells.shape[:2], bool)
    return Pictures(*head.run_tokens(cells, mask), mask)


def timed(
    head: Head, step: StepGraph, cells: np.ndarray, tokens: CaptionTokens, options: Any
) -> dict[str, Any]:
    greedy = Decoding(longest=options.words + 2)
    ways: dict[str, Callable[[], list[Sentence]]] = {
        "kept": lambda: decode(CachedWriting.of(step, read(head, cells)), len(cells), tokens, greedy),
        "picture_kept": lambda: decode(PlainWriting.of(step, read(head, cells)), len(cells), tokens, greedy),
        "nothing_kept": lambda: decode(
            Nothing(head, step, cells, np.zeros((len(cells), 0), np.int64)), len(cells), tokens, greedy
        ),
        "kept_three_beams": lambda: decode(
            CachedWriting.of(step, read(head, cells)), len(cells), tokens, replace(greedy, beams=3)
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    said: dict[str, list[tuple[int, ...]]] = {}
    for run in range(options.runs + 1):  # the first is not counted
        for name, way in ways.items():
            begun = time.perf_counter()
            said[name] = [one.ids for one in way()]
            if run:
                seconds[name].append(time.perf_counter() - begun)
    assert all(len(ids) == options.words for ids in said["kept"])

    def faster(name: str) -> float:
        pairs = zip(seconds["kept"], seconds[name], strict=True)
        return round(statistics.median(longer / taken for taken, longer in pairs), 2)

    return {
        "captions_a_second": {
            name: spread([len(cells) / one for one in taken]) for name, taken in seconds.items()
        },
        "times_faster_than": {name: faster(name) for name in ("nothing_kept", "picture_kept")},
        "equal": said["kept"] == said["picture_kept"] == said["nothing_kept"],
    }


if __name__ == "__main__":
    main()
