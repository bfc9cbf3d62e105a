"""Words of a picture: which common words its text has, told from the picture alone and all at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.distributions import Beta
from torch.nn import functional

from motet.errors import UsageError
from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared

LEAST, MOST = 2, 10  # texts that a token must be in, between these as the table is large
ONE_IN = 150  # of the texts
MIXED = 0.4  # of the beta distribution: mostly one of two pictures, sometimes both


class WordsOfPicture(Term):
    """A bag of words from pixels: no order, no text network, so a few thousand pairs teach much.

    Source: Joulin et al., "Learning Visual Features from Large Weakly Supervised Data", arXiv 1511.02251, eq. 1, with
    all words of a text as targets. Half of the pictures are mirrored, and two are mixed (Zhang et al., "mixup", arXiv
    1710.09412, eq. 1).

    L = mean over k of -sum_w t_kw log softmax(O f(x_k))_w;  x_k = a u_k + (1 - a) u_k', u the pictures of two
    pairs, f the mean over the cells; t likewise of the shares 1/n of the n common words of their texts; a ~ Beta(.4,.4)
    of a batch. A word is common that is in 10 texts (of small tables fewer): others are learned by heart.

    Raises UsageError where no word is common.
    """

    asks = "the common words, told from the picture all at once"
    teaches = ("image",)
    of_pictures = True

    def __init__(self, shape: Shape, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.common = np.sort(common_words(shape))
        if not len(self.common):
            raise UsageError(
                f"words-of-picture: no word is in {least_texts(shape)} texts, so there is none to tell: leave it out"
            )
        self.vocabulary, self.dropout = shape.vocabulary, nn.Dropout(dropout)
        self.tell = nn.Linear(shape.pictures, len(self.common))

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None where no pair has a common word. What is random comes from PyTorch's generator."""
        pairs, (ids, mask) = batch.pairs, (batch.ids[: batch.pairs], batch.mask[: batch.pairs])
        had = torch.zeros(pairs, self.vocabulary).scatter_(1, ids, mask.float())[:, self.common]
        worded = had.any(dim=1)
        if not worded.any():
            return None
        wanted = had[worded] / had[worded].sum(dim=1, keepdim=True)
        if not self.training:
            seen = encoded.cells[:pairs][worded].mean(dim=1)
        else:
            pixels = mirrored(batch.pixels[:pairs][worded])
            share = float(Beta(MIXED, MIXED).sample())
            other = torch.randperm(len(pixels))
            wanted = share * wanted + (1 - share) * wanted[other]
            seen, _ = shared.image(share * pixels + (1 - share) * pixels[other])
        return functional.cross_entropy(self.tell(self.dropout(seen)), wanted)


def least_texts(shape: Shape) -> int:
    """In how many texts a token is common."""
    return min(MOST, max(LEAST, round(shape.texts / ONE_IN)))


def common_words(shape: Shape) -> npt.NDArray[np.int64]:
    """Numbers of the common tokens, the most common first; what pads and what hides is no word."""
    common = np.flatnonzero(shape.texts_with >= least_texts(shape))
    common = common[common > shape.masked]
    return common[np.argsort(-shape.texts_with[common], kind="stable")]


def mirrored(pixels: Tensor) -> Tensor:
    """Pictures [N, 3, H, W], about half of them with left and right changed."""
    flipped = torch.rand(len(pixels), 1, 1, 1) < 0.5
    return torch.where(flipped, pixels.flip(3), pixels)
