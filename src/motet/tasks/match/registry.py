"""The objectives and added terms of matching, by name: a further one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor, nn

from motet.errors import UsageError
from motet.tasks.match.adversarial import Adversarial
from motet.tasks.match.batch import MatchBatch, MatchObjective, Size
from motet.tasks.match.cycle import Cycle
from motet.tasks.match.distance import Distance
from motet.tasks.match.infonce import InfoNCE
from motet.tasks.match.masked import Masked
from motet.tasks.match.sigmoid import Sigmoid
from motet.tasks.match.triplet import Triplet

# Each makes an objective for a space of the given width.
OBJECTIVES: Mapping[str, Callable[[int], MatchObjective]] = {
    "infonce": lambda width: InfoNCE(),
    "sigmoid": lambda width: Sigmoid(),
    "triplet": lambda width: Triplet(),
}
TERMS: Mapping[str, Callable[[int], MatchObjective]] = {
    "distance": lambda width: Distance(),
    "adversarial": Adversarial,
    "cycle": Cycle,
    "masked": Masked,
    "triplet": lambda width: Triplet(),
}
LOCAL = "local"  # a term that is learned by itself, over parts: `Local`


class WeightedObjective(MatchObjective):
    """An objective and added terms, each with its weight: L = L_0 + sum w_i L_i."""

    def __init__(
        self, first: MatchObjective, terms: Mapping[str, MatchObjective], weights: Mapping[str, float]
    ) -> None:
        super().__init__()
        self.first, self.terms = first, nn.ModuleDict(dict(terms))
        self.weights = dict(weights)

    @property
    def scale(self) -> Any:
        """The factor that makes a logit of a cosine."""
        return self.first.scale

    @property
    def bias(self) -> Any:
        """Added to a logit."""
        return self.first.bias

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        loss: Tensor = self.first(batch)
        for name, term in self.terms.items():
            loss = loss + self.weights[name] * term(batch)
        return loss

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """See `MatchObjective.share`."""
        loss: Tensor = self.first.share(queries, gallery, positives, size)
        for name, term in self.terms.items():
            loss = loss + self.weights[name] * cast(MatchObjective, term).share(
                queries, gallery, positives, size
            )
        return loss


def make_objective(name: str, width: int, terms: Mapping[str, float] | None = None) -> WeightedObjective:
    """Make an objective for a space of some width, with added terms (not `LOCAL`) by name and weight.

    Raises UsageError as `check_objective` does.
    """
    terms = terms or {}
    check_objective(name, terms)
    return WeightedObjective(OBJECTIVES[name](width), {term: TERMS[term](width) for term in terms}, terms)


def check_objective(name: str, terms: Mapping[str, float]) -> None:
    """Raise UsageError for a name that is none, or a weight that is not above 0."""
    if name not in OBJECTIVES:
        raise UsageError(f"no objective {name!r}: one of {', '.join(OBJECTIVES)}")
    for term, weight in terms.items():
        if term not in (*TERMS, LOCAL):
            raise UsageError(f"no term {term!r}: one of {', '.join((*TERMS, LOCAL))}")
        if not 0 < weight < float("inf"):
            raise UsageError(f"term {term}: a weight is a number above 0, not {weight!r}")
