"""What an objective sees of a batch, and the contract of an objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from motet.errors import UsageError


@dataclass(frozen=True)
class MatchBatch:
    """N pictures and M sentences in the space of width W.

    images [N, W], texts [M, W]: unit vectors.
    positives [N, M] bool: picture n and sentence m belong together. Whatever is not positive is a negative; a
        sentence has at least one picture, a picture at least one sentence.
    """

    images: Tensor
    texts: Tensor
    positives: Tensor


@dataclass(frozen=True)
class Size:
    """What a whole batch holds, of which some queries see their part: pictures, sentences, positive pairs."""

    pictures: int
    sentences: int
    pairs: int

    @classmethod
    def of(cls, positives: Tensor) -> Size:
        """The size of a batch with these positives [N, M]."""
        return cls(positives.shape[0], positives.shape[1], int(positives.sum()))


class MatchObjective(nn.Module):
    """A loss of a batch: `forward(MatchBatch) -> []`, the less the better the space.

    Positives are never negatives of each other: that a picture has another sentence adds a term of its own and nothing
    to the terms of the first. `scale` and `bias` say how a cosine becomes a logit, as far as the objective learns that.
    Its own parameters (a temperature, a discriminator) are trained with the heads and not saved.
    """

    scale: Any = 1.0
    bias: Any = 0.0

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        raise NotImplementedError

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """What some queries [Q, W] of one side add to the loss of a batch of `size`, a number.

        gallery [G, W] : the whole other side; positives [Q, G]. The shares of all pictures and of all sentences sum to
        `forward`: a batch too large for one similarity matrix, or for one process, is answered some rows at a time.

        Raises UsageError for an objective that is no such sum.
        """
        raise UsageError(
            f"{type(self).__name__.lower()} needs the whole batch at once: leave it out, or take smaller batches"
        )


def over_negatives(logits: Tensor, positives: Tensor) -> Tensor:
    """Of logits [N, M], the loss of each positive pair against the negatives of its row alone [N, M], 0 elsewhere.

    -log(e^l / (e^l + sum of e^l' over the row's negatives)) = softplus(log sum e^l' - l).
    """
    lowest = -1e4  # not the least float: the gradient of a row without negatives must stay a number
    others = logits.masked_fill(positives, lowest).logsumexp(dim=1, keepdim=True)
    return nn.functional.softplus(others - logits).masked_fill(~positives, 0.0)
