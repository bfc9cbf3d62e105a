"""The head over a fused state, ensembles of it, and the linear head over one source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from motet.fusion import Dropout, Fusion, Source, SourceBatch, StandardisedLinear
from motet.tasks.objective import Objective


class FusedClassifier(nn.Module):
    """A fusion strategy and a linear layer: sources -> logits [B, C]."""

    def __init__(self, fusion: Fusion, classes: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.fusion = fusion
        self.dropout = Dropout(dropout)
        self.classify = nn.Linear(fusion.width, classes)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that it reads."""
        return self.fusion.sources

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        logits: Tensor = self.classify(self.dropout(self.fusion(features).pooled))
        return logits


class ClassifierEnsemble(nn.Module):
    """Several classifiers that differ only in their first weights: the logits of their mean answer, [B, C].

    Each is trained on its own loss: trained on that of their mean they would lean on one another. Heads over cached
    features are small, and one alone depends on its first weights more than on its strategy. Source: Lakshminarayanan
    et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017.
    """

    def __init__(self, members: Sequence[FusedClassifier], objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.each = nn.ModuleList(members)
        self.sources = members[0].sources

    @property
    def members(self) -> tuple[FusedClassifier, ...]:
        """The classifiers that are trained."""
        return tuple(cast(FusedClassifier, member) for member in self.each)

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        return self.objective.pooled(torch.stack([member(features) for member in self.each]))


class LinearClassifier(nn.Module):
    """A linear model of one standardised source: ((x - mean) * scale) W + b, [B, C].

    Where the source is absent the logits are `b`.

    Parameters
    ----------
    mean, scale : [D], of the training rows. weight : [D, C]. bias : [C].
    """

    def __init__(self, source: Source, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.sources = (source,)
        self.linear = StandardisedLinear(source.width, len(bias), draw=False)
        self.linear.standardise(mean, scale)
        with torch.no_grad():
            self.linear.weight.copy_(weight)
            self.linear.bias.copy_(bias)

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        logits: Tensor = self.linear(features[self.sources[0].name])
        return logits


def classification_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits [B, C] against labels [B]; `class_weights` [C] weigh the rows of each class."""
    return nn.functional.cross_entropy(logits, labels, weight=class_weights)
