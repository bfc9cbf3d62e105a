"""How a space for pictures and words is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MatchSettings:
    """How a space is learned.

    objective, terms : of `tasks.match`, terms with their weights.
    width, hidden : of the space, and of a tower's hidden layer. dropout, inputs : see `Tower`.
    pictures, sentences : in a batch, and at most of each picture in it.
    at_once : rows that are encoded at a time; of a larger batch the gradient is still that of the whole (GradCache).
    aligned : sources of both sides that towers begin as: an encoder's two halves, trained together.
    members : towers with different first weights, whose vectors stand side by side: the cosine is their mean.
    """

    objective: str = "infonce"
    terms: Mapping[str, float] = field(default_factory=dict)
    width: int = 512
    hidden: int = 1024
    dropout: float = 0.3
    inputs: float = 0.2
    epochs: int = 20
    least_steps: int = 200
    pictures: int = 512
    sentences: int = 10
    at_once: int = 8192
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.1
    patience: int = 10
    members: int = 2
    aligned: tuple[str, ...] = ()
    seed: int = 0

    def rows_a_batch(self, pictures: int) -> int:
        """Pictures in each batch, of so many to train on."""
        return max(1, min(self.pictures, pictures))

    def epochs_for(self, pictures: int) -> int:
        """Epochs at most: more than `epochs` where these are fewer than `least_steps` steps."""
        return max(self.epochs, -(-self.least_steps // max(1, pictures // self.rows_a_batch(pictures))))
