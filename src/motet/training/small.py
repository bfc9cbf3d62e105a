"""The `small` encoders before they are learned: shape, and rows as the network reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.data import ImageCells, TextCells
from motet.encoders.torch_small import MODEL_TYPES, Network, Preprocessor, load_as
from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.encoders.torch_small_words import SmallWords, WordsConfig
from motet.errors import UsageError
from motet.preprocessing import ImagePreprocessor, WordPreprocessor
from motet.progress import progress
from motet.training.scratch_rows import (
    Batch,
    PictureReader,
    WordReader,
    learn_tokenizer,
    square_pixels,
)

Rows = npt.NDArray[np.int64]
READ_AT_ONCE = 128


@dataclass(frozen=True)
class SmallSettings:
    """How a `small` encoder is shaped and trained."""

    vision: VisionConfig = field(default_factory=VisionConfig)
    # Its vocab_size is the most that a large table may get: see `vocabulary_for`.
    words: WordsConfig = field(default_factory=lambda: WordsConfig(vocab_size=8000))
    epochs: int = 20
    rows_shown: int = 500_000  # in all epochs together, so that large tables take fewer epochs
    patience: int = 6
    learning_rate: float | None = None  # None: 2e-3 for pictures, 1e-3 for words
    weight_decay: float = 0.05
    warmup: float = 0.1  # share of all steps
    dropout: float = 0.2  # before the head
    shift: int = 8  # pixels that a picture may move, each way
    light: float = 0.25  # largest change of brightness and of contrast
    area: float = 1.0  # least share of a picture that is seen
    masked_words: float = 0.3  # chance that a word piece is hidden

    def vocabulary_for(self, rows: int) -> int:
        """Tokens at most for this many training rows: two for each, and at least 1000.

        What only a few rows hold is learned by heart: after 560 rows of the demo catalogue 1000 tokens gave
        .87 on rows not seen, 8000 gave .84.
        """
        return min(self.words.vocab_size, max(1000, 2 * rows))

    def learning_rate_for(self, modality: str) -> float:
        """Highest learning rate of the schedule."""
        return self.learning_rate or (2e-3 if modality == "image" else 1e-3)

    def epochs_for(self, rows: int) -> int:
        """Epochs at most for this many training rows: at least 3."""
        return min(self.epochs, max(3, self.rows_shown // max(rows, 1)))

    def rows_a_batch(self, rows: int) -> int:
        """Batch size for this many training rows: about 16 steps an epoch, within 8 to 64."""
        return int(2 ** min(6, max(3, round(math.log2(max(rows, 1) / 16)))))


@dataclass(frozen=True)
class Small:
    """A network that is to be learned, and the rows that it reads, prepared as the finished encoder will."""

    network: Network
    preprocessor: Preprocessor
    reader: PictureReader | WordReader

    @property
    def modality(self) -> str:
        """What the network reads."""
        return MODEL_TYPES[self.network.config.model_type]

    def readable(self, rows: Rows) -> Rows:
        """The rows whose cells can be read, as far as that is known."""
        return self.reader.readable(rows)


def make_small(
    modality: str,
    cells: ImageCells | TextCells,
    train: Rows,
    validation: Rows,
    settings: SmallSettings,
    random: np.random.Generator,
    *,
    start: Path | None = None,
) -> Small:
    """A network with its first weights, for rows of which each has a cell; a tokenizer is learned on `train`.

    start : directory of an earlier `small` encoder (`motet pretrain`), whose weights and preprocessing are taken over.

    Raises UsageError where `cells` are of another modality, EncoderError where `start` is no such encoder.
    """
    rows = np.concatenate([train, validation])
    network: Network
    if isinstance(cells, ImageCells) and modality == "image":
        network = load_as(start, modality) if start else SmallVision(settings.vision)
        pixels = ImagePreprocessor.from_directory(start) if start else square_pixels(settings.vision.side)
        pictures = PictureReader(
            cells, pixels, rows, shift=settings.shift, light=settings.light, area=settings.area
        )
        return Small(network, pixels, pictures)
    if isinstance(cells, TextCells) and modality == "text":
        if start:
            network = load_as(start, modality)
            words = WordPreprocessor.from_directory(start, settings.words.max_position_embeddings)
        else:
            words = learn_tokenizer(
                cells,
                train,
                vocabulary=settings.vocabulary_for(len(train)),
                max_length=settings.words.max_position_embeddings,
                random=random,
            )
            network = SmallWords(replace(settings.words, vocab_size=words.tokenizer.get_vocab_size()))
        return Small(network, words, WordReader(cells, words, rows, masked=settings.masked_words))
    raise UsageError(f"`small` cannot read {cells.modality} cells as {modality}")


def pooled_features(small: Small, rows: Rows) -> tuple[npt.NDArray[np.float32], Rows]:
    """Pooled features [n, D] that a network gives of those of some rows that can be read, and these rows [n]."""
    network = small.network.eval()
    features, read = [], []
    with torch.inference_mode(), progress(f"reading {small.modality}:small", len(rows)) as advance:
        for begin in range(0, len(rows), READ_AT_ONCE):
            batch = small.reader.read(rows[begin : begin + READ_AT_ONCE])
            features.append(pooled_rows(network, batch).numpy())
            read.append(batch.rows)
            advance(len(batch.rows))
    return np.concatenate(features), np.concatenate(read)


def pooled_rows(network: Network, batch: Batch) -> Tensor:
    """Pooled features [B, D] of the rows of a batch: the mean over the cells of each."""
    pooled: Tensor = network(**batch.inputs)[0]
    if len(batch.owner) > len(batch.rows):
        sums = pooled.new_zeros(len(batch.rows), pooled.shape[1]).index_add(0, batch.owner, pooled)
        pooled = sums / torch.bincount(batch.owner, minlength=len(batch.rows)).unsqueeze(1)
    return pooled
