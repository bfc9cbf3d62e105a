"""All sentences of a picture in one row of words: the picture is read once, and little is padding.

Sentences differ in length by a factor of five, the five sentences of pictures together hardly by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.encoders.torch_small_words import FAR_BELOW

Ids = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Packed:
    """Sentences of B pictures as rows of S words.

    ids, following, places, sentence [B, S] int64: a word, the one that follows it, its place in its sentence, from 0,
    and the number of that sentence in the row; -1 in `sentence` where it is padding.
    """

    ids: Tensor
    following: Tensor
    places: Tensor
    sentence: Tensor


def pack(rows: Sequence[Sequence[Ids]]) -> Packed:
    """Rows of sentences, each the numbers of its words from start to end, at least two: the last is only followed."""
    longest = max(sum(len(ids) - 1 for ids in row) for row in rows)
    made = np.zeros((4, len(rows), longest), np.int64)
    made[3] = -1
    for number, row in enumerate(rows):
        begin = 0
        for place, ids in enumerate(row):
            end = begin + len(ids) - 1
            made[:3, number, begin:end] = ids[:-1], ids[1:], np.arange(len(ids) - 1)
            made[3, number, begin:end] = place
            begin = end
    return Packed(*torch.from_numpy(made))


def together(packed: Packed) -> Tensor:
    """What is added to attention scores [B, 1, S, S]: a word sees those before it in its own sentence, and itself."""
    length = packed.ids.shape[1]
    same = packed.sentence[:, :, None] == packed.sentence[:, None, :]
    before = torch.ones(length, length, dtype=torch.bool).tril()
    return (~(same & before))[:, None] * FAR_BELOW
