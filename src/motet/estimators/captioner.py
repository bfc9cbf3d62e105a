"""Sentences for pictures in Python: fit, predict, evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from motet.data import infer_schema, read_table
from motet.estimators.base import several
from motet.estimators.fitted import Fitted
from motet.estimators.parameters import Parameters
from motet.learning_wing import require_learning_wing
from motet.runtime import CaptionModel, MatchModel


class Captioner(Fitted[CaptionModel], Parameters):
    """Learns to write a sentence for a picture, from pictures with one or more sentences each.

    Parameters
    ----------
    image_encoder : str or path
        A frozen encoder whose tokens (grid cells, patches) the decoder looks at; as in `MultimodalClassifier`.
    beams : int
        Sentences that are kept side by side in decoding; 1 is greedy.
    vocabulary : int
        Tokens of the byte-level BPE that is learned from the training sentences, at most.
    decoder : path, optional
        The directory of a causal language model that writes the captions; by default a small decoder is learned.
    lora : int
        With `decoder`: the rank of updates of its attention that are learned; 0: it stays as it is.
    epochs : int, optional
        Passes through the training pictures at most; by default 15, and more of few pictures.
    image, text : str or sequence of str
        Columns; none named means that they are inferred. Each text column holds one sentence for the row's picture.
    group, split, image_root, test_size, validation_size, accept_licence, seed
        As in `MultimodalClassifier`; shares are of pictures.

    Attributes
    ----------
    model_ : the fitted `motet.runtime.CaptionModel`.
    evaluation_ : CIDEr-D, BLEU and ROUGE-L on the test pictures (the content of `evaluation.json`).
    """

    def __init__(
        self,
        *,
        image_encoder: str | Path = "auto",
        beams: int = 3,
        vocabulary: int = 4000,
        decoder: str | Path | None = None,
        lora: int = 0,
        epochs: int | None = None,
        image: str | Sequence[str] = (),
        text: str | Sequence[str] = (),
        group: str | None = None,
        split: str | None = None,
        image_root: str | Path | None = None,
        test_size: float = 0.0,
        validation_size: float = 0.15,
        accept_licence: bool = False,
        seed: int = 0,
    ) -> None:
        self.image_encoder = image_encoder
        self.beams = beams
        self.vocabulary = vocabulary
        self.decoder = decoder
        self.lora = lora
        self.epochs = epochs
        self.image = image
        self.text = text
        self.group = group
        self.split = split
        self.image_root = image_root
        self.test_size = test_size
        self.validation_size = validation_size
        self.accept_licence = accept_licence
        self.seed = seed

    def fit(self, X: Any) -> Self:
        """Train on a table of pictures and their sentences.

        Raises TableError for a table without pairs, UsageError for a wrong call, and where what training needs is not
        installed.
        """
        require_learning_wing()
        from motet.deployment import CaptionOptions, build_caption_model
        from motet.training.caption_settings import CaptionSettings

        table = read_table(X, image_root=self.image_root)
        schema = infer_schema(
            table, image=several(self.image), text=several(self.text), group=self.group, split=self.split
        )
        epochs: dict[str, int] = {} if self.epochs is None else {"epochs": self.epochs, "least_steps": 0}
        options = CaptionOptions(
            image_encoders=several(self.image_encoder),
            training=CaptionSettings(vocabulary=self.vocabulary, rank=self.lora, **epochs),
            decoder=None if self.decoder is None else str(self.decoder),
            beams=self.beams,
            accept_licence=self.accept_licence,
            test_size=self.test_size,
            validation_size=self.validation_size,
            seed=self.seed,
        )
        return self._build(CaptionModel, lambda place: build_caption_model(table, schema, place, options))

    def predict(self, X: Any, **decoding: Any) -> list[str | None]:
        """A caption for each row of a table, or each of a list of paths; None where no picture can be read.

        decoding : beams, length_penalty, top_p, temperature, seed, longest, no_repeat (`motet.runtime.decoding`).
        """
        found = self._fitted().describe(X, image_root=self.image_root, **decoding)
        return [one.caption for one in found]

    def evaluate(self, X: Any, *, all_rows: bool = False, space: MatchModel | None = None) -> dict[str, Any]:
        """Metrics of captions on the pictures of a table that has sentences: the content of `evaluation.json`.

        space : a model that matches (`motet.load`); then captions get a CLIPScore in its space too.
        """
        return self._fitted().evaluate(X, image_root=self.image_root, all_rows=all_rows, space=space)

    def score(self, X: Any) -> float:
        """CIDEr-D on all pictures of a table."""
        return float(self.evaluate(X, all_rows=True)["metrics"]["cider_d"]["value"])
