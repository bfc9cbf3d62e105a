"""Encoders from pairs without labels in Python: fit, then name what came as an encoder, or save it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from motet.data import infer_schema, read_table
from motet.errors import ModelError, UsageError
from motet.estimators.base import several
from motet.estimators.parameters import Parameters
from motet.learning_wing import require_learning_wing
from motet.model import new_model_directory


class MultimodalPretrainer(Parameters):
    """Learns an encoder of pictures and one of words from their pairs, without labels.

    What came is named where any estimator takes an encoder: `image_encoder=pretrainer.image_encoder_`.

    Parameters
    ----------
    terms : mapping or None
        What is learned, each with its weight; names as in `motet pretrain --term`. None means its default.
    epochs : int
        Passes through the pairs at most.
    image, text : str or sequence of str
        Columns; none named means that they are inferred. Each text column holds one sentence for the row's picture.
    group, split, image_root, seed
        As in `MultimodalClassifier`. Test rows of a split column are left alone.
    validation_size : float
        Share of the pairs that choose the epoch.

    Attributes
    ----------
    image_encoder_, text_encoder_ : directories, there as long as this object is.
    history_ : each epoch with the loss of each term (the content of `history.json`).
    """

    def __init__(
        self,
        *,
        terms: Mapping[str, float] | None = None,
        epochs: int = 40,
        image: str | Sequence[str] = (),
        text: str | Sequence[str] = (),
        group: str | None = None,
        split: str | None = None,
        image_root: str | Path | None = None,
        validation_size: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.terms = terms
        self.epochs = epochs
        self.image = image
        self.text = text
        self.group = group
        self.split = split
        self.image_root = image_root
        self.validation_size = validation_size
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Self:
        """Pretrain on a table of pictures and words; `y` is not looked at.

        Raises TableError for a table without two pairs, UsageError for a wrong call, and where what training needs is
        not installed.
        """
        require_learning_wing()
        from motet.deployment import PretrainOptions, build_encoders
        from motet.training.pretrain_settings import PretrainSettings

        settings = PretrainSettings(epochs=self.epochs)
        if self.terms is not None and not isinstance(self.terms, Mapping):
            raise UsageError(
                f"terms are names with weights, such as {{'contrastive': 1}}, not {self.terms!r}"
            )
        if self.terms is not None:
            settings = replace(settings, terms=dict(self.terms))
        options = PretrainOptions(self.validation_size, settings, self.seed)
        table = read_table(X, image_root=self.image_root)
        schema = infer_schema(
            table, image=several(self.image), text=several(self.text), group=self.group, split=self.split
        )
        folder = tempfile.TemporaryDirectory(prefix="motet-")
        place = Path(folder.name) / "pretrained"
        self.history_ = build_encoders(table, schema, place, options)
        self._folder = folder  # that of an earlier fit goes now
        self.image_encoder_, self.text_encoder_ = place / "image", place / "text"
        return self

    def save(self, directory: str | Path) -> None:
        """Write the folder of both encoders, as `motet pretrain -o` does."""
        if not hasattr(self, "image_encoder_"):
            raise ModelError("this MultimodalPretrainer is not fitted yet: call fit first")
        with new_model_directory(directory) as making:
            shutil.copytree(self.image_encoder_.parent, making, dirs_exist_ok=True)
