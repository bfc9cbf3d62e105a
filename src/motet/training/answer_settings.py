"""How a model that answers questions is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import WordsConfig
from motet.training.small import SmallSettings

# A finer map than a `small` encoder of whole pictures has: questions are about parts of them.
SMALL = SmallSettings(
    vision=VisionConfig(side=96, widths=(16, 32, 64, 128)),
    words=WordsConfig(vocab_size=8000, hidden_size=96, num_hidden_layers=1),
    masked_words=0.0,  # `is there a red shape?` without its third word has no answer
    shift=4,
    light=0.1,
)


@dataclass(frozen=True)
class AnswerSettings:
    """Width of the joint state, and how long and how fast it is learned.

    layers : of a fused head that has such: how often words look at the picture.
    hide : chance that a modality of a row is hidden in training, though never all. rows : in a batch, at most.
    questions : about one picture that come in one batch: more of them spare encoding it again, but then a batch has few
        pictures, by which a picture network of batch norm learns badly.
    """

    width: int = 96
    layers: int = 2
    dropout: float = 0.05
    hide: float = 0.05
    epochs: int = 30
    rows_shown: int = 400_000  # in all epochs together, so that large tables take fewer
    patience: int = 5
    rows: int = 128
    questions: int = 3
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    small: SmallSettings = field(default_factory=lambda: SMALL)
    seed: int = 0

    def epochs_for(self, rows: int) -> int:
        """Epochs at most for this many training rows: at least 3."""
        return min(self.epochs, max(3, self.rows_shown // max(rows, 1)))

    def rows_a_batch(self, rows: int) -> int:
        """Batch size for this many training rows: about 30 steps an epoch, from 32 rows on."""
        return int(min(self.rows, max(32, 2 ** round(math.log2(max(rows, 1) / 30)))))
