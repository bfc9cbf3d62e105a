"""Pretrained encoders in the running wing: an ONNX graph with its own preprocessing, from one directory.

The directory is written by `torch_pretrained.prepare` and holds `encoder.json` (what is said once: modality, width,
pooling, length, licence), `model.onnx` (outputs `pooled` and `tokens`), the weights it came from, and the encoder's own
`preprocessor_config.json` or `tokenizer.json`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from motet.data import AudioCells, ImageCells, TextCells
from motet.data.media import decode_image
from motet.data.sounds import decode_sound
from motet.encoders.cache import FeatureCache
from motet.encoders.encode_rows import encode_images, encode_sounds, encode_texts
from motet.encoders.engine import Engine, Inputs, OnnxEngine, run_batches
from motet.encoders.features import FeatureTable
from motet.encoders.kept import Both, Cell, Kept, pooled_kept, tokens_kept
from motet.encoders.tokens import MOST_TOKENS, bounded
from motet.errors import EncoderError, MediaError
from motet.preprocessing import AudioPreprocessor, Batch, ImagePreprocessor, WordPreprocessor
from motet.preprocessing.audio import WAVEFORM_SECONDS

Rows = npt.NDArray[np.int64]
Item = TypeVar("Item")
Made = TypeVar("Made")
# Small batches keep a layer's activations in a core's own cache.
TEXT_BATCH = 8
IMAGE_BATCH = 4
AUDIO_BATCH = 4  # of log-mel frames; samples of different lengths are read one sound at a time


class PretrainedEncoder:
    """One pretrained network as an encoder of rows.

    Parameters
    ----------
    directory : a prepared encoder directory.
    engine : makes the engine when features are first needed; default onnxruntime on `model.onnx`.
    engine_name : name of that engine.
    name, licence : what the encoder is called here; default what its directory says. Equal weights are prepared
        once, whatever they are called.
    """

    learns = False

    def __init__(
        self,
        directory: Path,
        *,
        engine: Callable[[], Engine] | None = None,
        engine_name: str = OnnxEngine.name,
        name: str | None = None,
        licence: str | None = None,
    ) -> None:
        self.directory = directory
        described = json.loads((directory / "encoder.json").read_text(encoding="utf-8"))
        self.name: str = name or described["name"]
        self.modality: str = described["modality"]
        self.width: int = described["width"]
        self.token_width: int = described.get("token_width", self.width)
        self.licence: str = licence or described["licence"]
        self.identity: str = described["identity"]
        self.max_tokens: int | None = described.get("max_tokens")
        self.max_seconds: float | None = described.get("max_seconds")
        self.engine_name = engine_name
        self._make_engine = engine or (lambda: OnnxEngine(directory / "model.onnx"))
        self._engine: Engine | None = None
        self._opening = Lock()

    @property
    def engine(self) -> Engine:
        """The engine, started when first used."""
        with self._opening:
            if self._engine is None:
                self._engine = self._make_engine()
            return self._engine

    def open_early(self, cache: FeatureCache | None) -> None:
        """Begin to start the engine beside other work where it is sure to be used: nothing of its own is cached yet."""

        def start() -> None:
            with contextlib.suppress(Exception):  # told when it is used
                self.engine  # noqa: B018

        if len(pooled_kept(cache, self).shelf) == 0:
            Thread(target=start, daemon=True).start()

    @cached_property
    def images(self) -> ImagePreprocessor:
        """The encoder's own picture preprocessing."""
        return ImagePreprocessor.from_directory(self.directory)

    @cached_property
    def sounds(self) -> AudioPreprocessor:
        """The encoder's own sound preprocessing."""
        return AudioPreprocessor.from_directory(self.directory, self.max_seconds or WAVEFORM_SECONDS)

    @cached_property
    def words(self) -> WordPreprocessor:
        """The encoder's own tokenizer."""
        return WordPreprocessor.from_directory(self.directory, max_length=self.max_tokens or 128)

    @property
    def fingerprint(self) -> str:
        """Hash of weights, preprocessing, pooling and length (`identity`), engine and precision."""
        whole = f"{self.identity} {self.engine_name}".encode()
        return hashlib.blake2b(whole, digest_size=16).hexdigest()

    def fit(self, cells: Any, rows: Rows) -> None:
        """Nothing to learn."""

    @property
    def token_fingerprint(self) -> str:
        """`fingerprint` of the tokens."""
        whole = f"{self.identity} {self.engine_name} tokens {MOST_TOKENS}".encode()
        return hashlib.blake2b(whole, digest_size=16).hexdigest()

    def encode(self, cells: Any, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order."""
        kept = pooled_kept(cache, self)
        return self._encode(cells, rows, kept, lambda engine, inputs: engine(inputs))

    def encode_tokens(self, cells: Any, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order, with tokens: one run of the network gives both."""
        kept = tokens_kept(cache, self)
        return self._encode(cells, rows, kept, _both)

    def _encode(
        self,
        cells: Any,
        rows: Rows,
        kept: Kept[Cell],
        features: Callable[[Engine, Inputs], Iterable[Cell]],
    ) -> FeatureTable:
        def run(function: Callable[[Engine, Item], Made], batches: Iterator[Item]) -> Iterator[Made]:
            return run_batches(lambda: self.engine, function, batches)

        if isinstance(cells, ImageCells):
            return encode_images(
                cells,
                rows,
                lambda image: self.images(image),
                lambda batches: run(
                    lambda engine, pixels: features(engine, {"pixel_values": pixels}), batches
                ),
                kept,
                f"pictures, {self.name}",
                batch_size=IMAGE_BATCH,
            )
        if isinstance(cells, AudioCells):
            return encode_sounds(
                cells,
                rows,
                lambda sound: self.sounds(sound),
                lambda batches: run(
                    lambda engine, values: features(engine, {"input_values": values}), batches
                ),
                kept,
                f"sounds, {self.name}",
                batch_size=self._audio_batch,
                seconds=self.sounds.seconds_read,
            )
        if isinstance(cells, TextCells):
            return encode_texts(
                cells,
                rows,
                lambda texts: run(
                    lambda engine, batch: (batch.rows, features(engine, _token_inputs(batch))),
                    self.words.batches(texts, TEXT_BATCH),
                ),
                kept,
                f"texts, {self.name}",
            )
        raise EncoderError(f"{self.modality}:{self.name} cannot read {cells.modality} cells")

    def sample(self, cells: Any, rows: Rows) -> list[Inputs]:
        """The network's inputs for some rows, in batches: what engines are compared on."""
        if isinstance(cells, TextCells):
            return [_token_inputs(batch) for batch in self.words.batches(cells.take(rows), TEXT_BATCH)]
        of_rows = (cell for of_row in cells.take(rows) for cell in of_row)
        name, size = "pixel_values", IMAGE_BATCH
        if isinstance(cells, AudioCells):
            name, size = "input_values", self._audio_batch
        made = []
        for cell in of_rows:
            with contextlib.suppress(MediaError):
                data = cell.read()
                made.append(
                    self.sounds(decode_sound(data, self.sounds.seconds_read))
                    if isinstance(cells, AudioCells)
                    else self.images(decode_image(data))
                )
        return [{name: np.stack(made[i : i + size])} for i in range(0, len(made), size)]

    @property
    def _audio_batch(self) -> int:
        """Sounds in a batch: those of samples are one by one, since padding them would change their answers."""
        return 1 if self.sounds.form == "waveform" else AUDIO_BATCH

    def save(self, directory: Path) -> None:
        """Copy the prepared directory, under the name and licence that the encoder has here."""
        for path in self.directory.iterdir():
            shutil.copyfile(path, directory / path.name)
        described = json.loads((directory / "encoder.json").read_text(encoding="utf-8"))
        described |= {"name": self.name, "licence": self.licence}
        (directory / "encoder.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def _token_inputs(batch: Batch) -> Inputs:
    return {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}


def _both(engine: Engine, inputs: Inputs) -> list[Both]:
    pooled, tokens = engine.both(inputs)
    # Words that are read at one length have more positions than the mask: padding, which no mask shows.
    mask = inputs["attention_mask"] > 0 if "attention_mask" in inputs else np.ones(tokens.shape[:2], bool)
    return [
        (one, bounded(each[: len(seen)][seen])) for one, each, seen in zip(pooled, tokens, mask, strict=True)
    ]
