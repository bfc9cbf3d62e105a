"""What a term of pretraining sees of a batch, and the contract of a term.

Shapes: N pictures of T cells, M texts of S tokens; the first K of both are pairs, picture k with text k, and what
follows stands alone. D_v, D_w the widths of the two encoders, W that of the common space, V the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from motet.tasks.pretrain.shared import Shared


@dataclass(frozen=True)
class Shape:
    """Sizes that terms are built for.

    pictures, words : D_v, D_w. grid : rows and columns of the cells of a picture. vocabulary, masked, longest : V, the
    number of the token that stands for a hidden one, and the most tokens of a text. texts_with : [V] in how many of the
    training texts, `texts` in all, each token is. width, layers, heads, dropout : of the joint transformer; width is
    also W.
    """

    pictures: int
    words: int
    grid: tuple[int, int]
    vocabulary: int
    masked: int
    longest: int
    texts: int
    texts_with: npt.NDArray[np.int64]
    width: int = 128
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1


@dataclass(frozen=True)
class PretrainBatch:
    """Pictures and texts, the first `pairs` (K) of which belong together one by one.

    pixels [N, 3, H, W] : about -1 to 1. ids [M, S], mask [M, S] int64 : tokens, and 1 where there is one.
    positives [K, K] bool : picture and text belong together; also where another picture has the same words.
    """

    pixels: Tensor
    ids: Tensor
    mask: Tensor
    positives: Tensor

    @property
    def pairs(self) -> int:
        """K."""
        return len(self.positives)


class Encoded:
    """What the encoders make of the whole cells of a batch: computed when the first term asks, once for all."""

    def __init__(self, shared: Shared, batch: PretrainBatch) -> None:
        self._shared, self._batch = shared, batch

    @property
    def cells(self) -> Tensor:
        """[N, T, D_v] of pictures."""
        return self._of_pictures[1]

    @property
    def tokens(self) -> Tensor:
        """[M, S, D_w] of texts."""
        return self._of_texts[1]

    @cached_property
    def pictures(self) -> Tensor:
        """[K, W] Unit vectors of the pictures of pairs, in the common space."""
        pooled = self._of_pictures[0][: self._batch.pairs]
        return functional.normalize(self._shared.picture_space(pooled), dim=-1)

    @cached_property
    def texts(self) -> Tensor:
        """[K, W] Unit vectors of the texts of pairs, in the common space."""
        pooled = self._of_texts[0][: self._batch.pairs]
        return functional.normalize(self._shared.text_space(pooled), dim=-1)

    @cached_property
    def _of_pictures(self) -> tuple[Tensor, Tensor]:
        """Pooled [N, D_v], cells [N, T, D_v]."""
        pixels, shared = self._batch.pixels, self._shared
        if len(pixels):
            made: tuple[Tensor, Tensor] = shared.image(pixels)
            return made
        # A mean of nothing would spoil the running moments of batch normalisation.
        width = shared.image.width
        return pixels.new_zeros(0, width), pixels.new_zeros(0, shared.cells, width)

    @cached_property
    def _of_texts(self) -> tuple[Tensor, Tensor]:
        """Pooled [M, D_w], tokens [M, S, D_w]."""
        made: tuple[Tensor, Tensor] = self._shared.text(self._batch.ids, self._batch.mask)
        return made


class Term(nn.Module):
    """A loss of a batch, and the parts that only it needs.

    asks : what is learned, in a few words, for the card. teaches : whose encoder learns from it. of_pictures : its own
    parts read pictures alone.
    """

    asks: str
    teaches: tuple[str, ...] = ("image", "text")
    of_pictures = False

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss, a number; None where the batch holds nothing to learn it from."""
        raise NotImplementedError
