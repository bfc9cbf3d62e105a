"""What an objective sees of a batch, and the contract of an objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class MatchBatch:
    """N pictures and M sentences in the space of width W.

    images [N, W], texts [M, W]: unit vectors.
    positives [N, M] bool: picture n and sentence m belong together. Whatever is not positive is a negative; a
        sentence has at least one picture, a picture at least one sentence.
    image_parts [N, R, W], image_mask [N, R]; text_parts [M, T, W], text_mask [M, T]: unit vectors of regions and words,
        where they are encoded, and which of them are there.
    """

    images: Tensor
    texts: Tensor
    positives: Tensor
    image_parts: Tensor | None = None
    image_mask: Tensor | None = None
    text_parts: Tensor | None = None
    text_mask: Tensor | None = None


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


def over_negatives(logits: Tensor, positives: Tensor) -> Tensor:
    """Of logits [N, M], the loss of each positive pair against the negatives of its row alone [N, M], 0 elsewhere.

    -log(e^l / (e^l + sum of e^l' over the row's negatives)) = softplus(log sum e^l' - l).
    """
    lowest = -1e4  # not the least float: the gradient of a row without negatives must stay a number
    others = logits.masked_fill(positives, lowest).logsumexp(dim=1, keepdim=True)
    return nn.functional.softplus(others - logits).masked_fill(~positives, 0.0)
