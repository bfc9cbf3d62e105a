"""How a captioner is learned."""

from __future__ import annotations

from dataclasses import dataclass

from motet.training.epoch import check_epochs


@dataclass(frozen=True)
class CaptionSettings:
    """How a captioner is learned.

    vocabulary : tokens at most; longest : numbers of a sentence at most, its start and end among them.
    width, layers, memory_layers, heads, dropout : see `DecoderShape`. smoothing : of labels.
    pictures, sentences : in a batch, and at most of each picture in it; the others come in another epoch's.
    prefix, mapping_layers, rank : of a language model that writes: vectors that a picture becomes, layers of the
    mapping that makes them, and the rank of what its attention learns, 0 where it stays as it is.
    patience : epochs without a better one, after which training ends.
    """

    vocabulary: int = 4000
    longest: int = 48
    width: int = 256
    layers: int = 2
    memory_layers: int = 1
    heads: int = 4
    dropout: float = 0.2
    prefix: int = 10
    mapping_layers: int = 2
    rank: int = 0
    smoothing: float = 0.1
    epochs: int = 15
    least_steps: int = 300
    pictures: int = 32
    sentences: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    patience: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for fewer than one epoch."""
        check_epochs(self.epochs)

    def epochs_for(self, pictures: int) -> int:
        """Epochs at most for this many pictures to train on: more of few, for `least_steps` steps."""
        return max(self.epochs, -(-self.least_steps // -(-pictures // self.pictures)))
