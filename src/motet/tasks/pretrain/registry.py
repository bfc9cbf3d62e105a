"""The terms of pretraining by name, and their weighted sum: a further one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from torch import Tensor, nn

from motet.encoders.torch_small_vision import SmallVision
from motet.encoders.torch_small_words import SmallWords
from motet.errors import UsageError
from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.contrastive import Contrastive
from motet.tasks.pretrain.masked_patches import MaskedPatches
from motet.tasks.pretrain.masked_words import MaskedWords
from motet.tasks.pretrain.matching import Matching
from motet.tasks.pretrain.picture_from_words import PictureFromWords
from motet.tasks.pretrain.shared import Shared
from motet.tasks.pretrain.words_from_picture import WordsFromPicture
from motet.tasks.pretrain.words_of_picture import WordsOfPicture

TERMS: Mapping[str, type[Term]] = {
    "contrastive": Contrastive,
    "masked-words": MaskedWords,
    "masked-patches": MaskedPatches,
    "matching": Matching,
    "words-from-picture": WordsFromPicture,
    "picture-from-words": PictureFromWords,
    "words-of-picture": WordsOfPicture,
}
DEFAULT_TERMS: Mapping[str, float] = {"contrastive": 1.0, "masked-words": 0.5, "words-from-picture": 0.5}


class Pretrainer(nn.Module):
    """Encoders with the terms that teach them: L = sum w_i L_i."""

    def __init__(self, shared: Shared, terms: Mapping[str, Term], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.shared, self.terms = shared, nn.ModuleDict(dict(terms))
        self.weights = dict(weights)

    def forward(self, batch: PretrainBatch) -> dict[str, Tensor]:
        """The loss of each term that the batch holds something for."""
        encoded = Encoded(self.shared, batch)
        losses = {name: term(self.shared, batch, encoded) for name, term in self.terms.items()}
        return {name: loss for name, loss in losses.items() if loss is not None}

    def total(self, losses: Mapping[str, Tensor]) -> Tensor | None:
        """The weighted sum of some losses; None without any."""
        parts = [self.weights[name] * loss for name, loss in losses.items()]
        return sum(parts[1:], parts[0]) if parts else None


def make_pretrainer(
    image: SmallVision, text: SmallWords, shape: Shape, weights: Mapping[str, float]
) -> Pretrainer:
    """Put encoders and terms together, each term with its weight.

    Raises UsageError for a name that is none, no term at all, or a weight that is not above 0.
    """
    check_terms(weights)
    terms = {name: TERMS[name](shape) for name in weights}
    return Pretrainer(Shared(image, text, shape), terms, weights)


def check_terms(weights: Mapping[str, float]) -> None:
    """Raise UsageError for a name that is none, no term at all, or a weight that is not above 0."""
    if not weights:
        raise UsageError(f"pretraining needs a term: one or more of {', '.join(TERMS)}")
    for name, weight in weights.items():
        if name not in TERMS:
            raise UsageError(f"no term {name!r}: one of {', '.join(TERMS)}")
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 < weight < float("inf"):
            raise UsageError(f"term {name}: its weight is a number above 0, not {weight!r}")
