"""Classification: the head over a fused state, the linear head over one source, and their loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from motet.fusion import Fusion, Source, SourceBatch


class FusedClassifier(nn.Module):
    """A fusion strategy and a linear layer: sources -> logits [B, C]."""

    def __init__(self, fusion: Fusion, classes: int, *, dropout: float = 0.2) -> None:
        super().__init__()
        self.fusion = fusion
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(fusion.width, classes)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that it reads."""
        return self.fusion.sources

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        logits: Tensor = self.classify(self.dropout(self.fusion(features).pooled))
        return logits


class LinearClassifier(nn.Module):
    """Multinomial logistic regression on one standardised source: logits = W (x - mean) * scale + b, [B, C].

    Where the source is absent the logits are `b`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, source: Source, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.sources = (source,)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.linear = nn.Linear(source.width, len(bias))
        with torch.no_grad():
            self.linear.weight.copy_(weight)
            self.linear.bias.copy_(bias)

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        one = features[self.sources[0].name]
        x = (one.pooled - self.mean) * self.scale
        logits: Tensor = self.linear(torch.where(one.present.unsqueeze(-1), x, torch.zeros_like(self.mean)))
        return logits


def classification_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits [B, C] against labels [B]; `class_weights` [C] weigh the rows of each class."""
    return nn.functional.cross_entropy(logits, labels, weight=class_weights)
