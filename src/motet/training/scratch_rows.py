"""Rows as inputs of a network that is learned from scratch: decoded pictures, token numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.data import ImageCell, ImageCells, TextCells
from motet.data.media import decode_image
from motet.data.processors import processors
from motet.errors import MediaError
from motet.preprocessing import ImagePreprocessor, WordPreprocessor
from motet.training.near_lengths import near_lengths
from motet.training.picture_changes import Pixels, moved_and_lit, parts_of

Rows = npt.NDArray[np.int64]

PADDING, MASKED = "<|padding|>", "<|masked|>"  # numbers 0 and 1
PICTURES_KEPT = (
    20_000  # decoded and held in memory (27 KB each at 96 pixels); more are read again in every epoch
)
TEXTS_FOR_VOCABULARY = 100_000
CHARACTERS_READ = 2_000  # of a text, when the vocabulary is learned: 128 tokens hardly reach further
READ_AT_ONCE = 512
WINDOW = 8  # batches whose texts are put in order of their lengths


@dataclass(frozen=True)
class Batch:
    """B rows and their P cells: several pictures of one row are averaged, as when features are made.

    rows [B]; inputs of the network, each [P, ...]; owner [P]: which of the B rows a cell belongs to.
    """

    rows: Rows
    inputs: dict[str, Tensor]
    owner: Tensor


class Reader(Protocol):
    """Rows of one modality as the network's inputs, prepared as the finished encoder will prepare them."""

    def parts(self, rows: Rows, size: int, random: np.random.Generator) -> list[Rows]:
        """The given rows in random order, in parts of about `size`."""
        ...

    def read(self, rows: Rows, random: np.random.Generator | None = None) -> Batch:
        """Those of the given rows that can be read; changed at random where `random` is given (training)."""
        ...


def square_pixels(side: int) -> ImagePreprocessor:
    """Picture preprocessing of a `small` encoder: squeezed to `side` x `side` pixels, values -1 to 1."""
    return ImagePreprocessor.from_config(
        {"image_processor_type": "ViTImageProcessor", "size": {"height": side, "width": side}}
    )


class PictureReader:
    """Decoded pictures: kept in memory where they fit, else read again whenever they are asked for.

    rows : all that will be asked for. In training, shift : pixels that a picture may move each way; light : largest
    change of its brightness and contrast; area : least share of it that is seen.
    """

    def __init__(
        self,
        cells: ImageCells,
        preprocessor: ImagePreprocessor,
        rows: Rows,
        *,
        shift: int = 0,
        light: float = 0.0,
        area: float = 1.0,
    ) -> None:
        self.cells, self.preprocessor = cells, preprocessor
        self.shift, self.light, self.area = shift, light, area
        self._kept: tuple[Pixels, Rows] | None = (
            None  # pictures, and where those of each row of the table begin
        )
        self._unread = np.zeros(len(cells), bool)  # rows that were asked for, and had no picture
        if len(rows) * max(1, len(cells.columns)) <= PICTURES_KEPT:
            rows = np.unique(rows)
            pixels, owner = self._decode(rows)
            counts = np.bincount(rows[owner], minlength=len(cells))
            self._kept = pixels, np.concatenate([[0], np.cumsum(counts)])

    def readable(self, rows: Rows) -> Rows:
        """The rows that have a picture which could be decoded, as far as that is known: where pictures are not kept,
        of those that were asked for."""
        return rows[~self._unread[rows]]

    def parts(self, rows: Rows, size: int, random: np.random.Generator) -> list[Rows]:
        """The given rows in random order, in parts of about `size`."""
        return np.array_split(random.permutation(rows), -(-len(rows) // size))

    def read(self, rows: Rows, random: np.random.Generator | None = None) -> Batch:
        """Those of the given rows that can be read, pixel_values [P, 3, H, W]."""
        if self._kept is None:
            pixels, owner = self._decode(rows)
        else:
            kept, start = self._kept
            counts = np.diff(start)[rows]
            owner = np.repeat(np.arange(len(rows)), counts)
            within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
            pixels = kept[start[rows][owner] + within]
        values = pixels.astype(np.float32)
        if random is not None:
            values = moved_and_lit(pixels, random, self.shift, self.light)
        mean, deviation = np.array(self.preprocessor.mean), np.array(self.preprocessor.std)
        values *= (self.preprocessor.rescale_factor / deviation).astype(np.float32)
        values -= (mean / deviation).astype(np.float32)
        inputs = torch.from_numpy(values).permute(0, 3, 1, 2)  # stays channels last in memory
        if random is not None and self.area < 1:
            inputs = parts_of(inputs, random, self.area)
        there, owner = np.unique(owner, return_inverse=True)
        return Batch(rows[there], {"pixel_values": inputs}, torch.from_numpy(owner))

    def _decode(self, rows: Rows) -> tuple[Pixels, Rows]:
        """Pictures [P, H, W, 3] of the given rows and the place in `rows` of each, without broken ones."""
        made: list[Pixels] = []
        owner: list[int] = []
        with ThreadPoolExecutor(processors()) as pool:
            for begin in range(0, len(rows), READ_AT_ONCE):
                taken = self.cells.take(rows[begin : begin + READ_AT_ONCE])
                of_row = [(begin + place, cell) for place, several in enumerate(taken) for cell in several]
                decoded = pool.map(self._pixels, [cell for _, cell in of_row])
                for (place, _), pixels in zip(of_row, decoded, strict=True):
                    if pixels is not None:
                        made.append(pixels)
                        owner.append(place)
        self._unread[np.delete(rows, owner)] = True
        height, width = self.preprocessor.size
        return np.stack(made) if made else np.zeros((0, height, width, 3), np.uint8), np.array(
            owner, np.int64
        )

    def _pixels(self, cell: ImageCell) -> Pixels | None:
        try:
            return self.preprocessor.pixels(decode_image(cell.read()))
        except MediaError:
            return None


def learn_tokenizer(
    cells: TextCells, train: Rows, *, vocabulary: int, max_length: int, random: np.random.Generator
) -> WordPreprocessor:
    """Learn byte-level BPE on texts of the training rows that will be read: full-width letters are plain ones.

    vocabulary : tokens at most, of which 256 are the bytes; max_length : tokens read of a text.
    """
    from tokenizers import normalizers

    from motet.training.byte_level import learn_byte_level_bpe

    if len(train) > TEXTS_FOR_VOCABULARY:
        train = np.sort(random.choice(train, TEXTS_FOR_VOCABULARY, replace=False))
    texts = (
        [text[:CHARACTERS_READ] for text in cells.take(train[begin : begin + READ_AT_ONCE])]
        for begin in range(0, len(train), READ_AT_ONCE)
    )
    tokenizer = learn_byte_level_bpe(
        texts, vocabulary=vocabulary, special=(PADDING, MASKED), normalised=normalizers.NFKC()
    )
    return WordPreprocessor(tokenizer, max_length=max_length, pad_id=0)


class WordReader:
    """Token numbers of the texts of some rows, held in memory at two bytes a token.

    rows : all that will be asked for; masked : chance that a token is hidden in training.
    """

    def __init__(
        self, cells: TextCells, preprocessor: WordPreprocessor, rows: Rows, *, masked: float = 0.0
    ) -> None:
        self.masked, self.pad_id = masked, preprocessor.pad_id
        self.masked_id = int(preprocessor.tokenizer.token_to_id(MASKED) or 0)
        rows = np.unique(rows)
        ids: list[npt.NDArray[np.uint16]] = []
        for begin in range(0, len(rows), READ_AT_ONCE):
            taken = preprocessor.ids(cells.take(rows[begin : begin + READ_AT_ONCE]))
            ids += [one.astype(np.uint16) for one in taken]
        counts = np.zeros(len(cells), np.int64)
        counts[rows] = [len(one) for one in ids]
        self._ids = np.concatenate(ids)
        self._start = np.concatenate([[0], np.cumsum(counts)])

    def readable(self, rows: Rows) -> Rows:
        """The given rows: every text can be read."""
        return rows

    def texts_with(self, rows: Rows, vocabulary: int) -> Rows:
        """[V] In how many of the given rows each token is."""
        counts = np.zeros(vocabulary, np.int64)
        for row in rows.tolist():
            counts[np.unique(self._ids[self._start[row] : self._start[row + 1]])] += 1
        return counts

    def parts(self, rows: Rows, size: int, random: np.random.Generator) -> list[Rows]:
        """The given rows in random order, in parts of about `size` and of near lengths."""
        lengths = np.diff(self._start)
        return near_lengths(rows, lambda some: lengths[some], size, WINDOW, random)

    def read(self, rows: Rows, random: np.random.Generator | None = None) -> Batch:
        """The given rows, input_ids and attention_mask [B, T], padded to the longest; some pieces hidden."""
        lengths = np.diff(self._start)[rows]
        longest = lengths.max(initial=1)
        mask = np.arange(longest) < lengths[:, None]
        ids = np.full(mask.shape, self.pad_id, np.int64)
        places = (self._start[rows][:, None] + np.arange(longest))[mask]
        ids[mask] = self._ids[places]
        if random is not None:
            ids[mask & (random.random(mask.shape) < self.masked)] = self.masked_id
        inputs = {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
        }
        return Batch(rows, inputs, torch.arange(len(rows)))
