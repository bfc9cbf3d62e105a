"""What people wrote of pictures, in batches, and how far a decoder is from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.tasks.caption import Decoder, pack, token_losses
from motet.training.caption_settings import CaptionSettings
from motet.training.near_lengths import near_lengths

Rows = npt.NDArray[np.int64]
WINDOW = 16  # batches whose pictures are put in order of their words


@dataclass(frozen=True)
class Written:
    """What people wrote of P pictures: sentences[p] are numbers of words from start to end, for each picture."""

    sentences: Sequence[Sequence[npt.NDArray[np.int64]]]

    def lengths(self, pictures: Rows) -> Rows:
        """Words [n] of the given pictures."""
        return np.array([sum(len(ids) - 1 for ids in self.sentences[p]) for p in pictures], np.int64)

    def some(
        self, pictures: Rows, most: int, random: np.random.Generator | None
    ) -> list[list[npt.NDArray[np.int64]]]:
        """The sentences of each of the given pictures; at most so many, drawn, where `random` is given."""
        rows = []
        for picture in pictures.tolist():
            mine = list(self.sentences[picture])
            if random is not None and len(mine) > most:
                mine = [mine[at] for at in random.permutation(len(mine))[:most]]
            rows.append(mine)
        return rows


def caption_batches(train: Rows, written: Written, size: int, random: np.random.Generator) -> list[Rows]:
    """The pictures in random order, in parts of about `size` and of near numbers of words."""
    return near_lengths(train, written.lengths, size, WINDOW, random)


def sentence_losses(
    decoder: Decoder,
    tokens: Tensor,
    mask: Tensor,
    written: Written,
    pictures: Rows,
    settings: CaptionSettings,
    random: np.random.Generator | None,
) -> Tensor:
    """Losses [n] of the words of B pictures; of few of their sentences, and smoothed, where `random` is given.

    tokens [B, T, D], mask [B, T] : the pictures as the decoder sees them.
    """
    rows = written.some(pictures, settings.sentences, random)
    smoothing = settings.smoothing if random is not None else 0.0
    return token_losses(decoder, tokens, mask, pack(rows), smoothing=smoothing)


def mean_word_loss(losses_of: Callable[[Rows], Tensor], pictures: Rows, size: int) -> float | None:
    """Mean loss of all words of the given pictures, read `size` at a time, in nats; None without any."""
    total, words = 0.0, 0
    with torch.no_grad():
        for begin in range(0, len(pictures), size):
            losses = losses_of(pictures[begin : begin + size])
            total, words = total + float(losses.sum()), words + len(losses)
    return total / words if words else None
