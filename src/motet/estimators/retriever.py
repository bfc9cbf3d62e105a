"""One space for pictures and words in Python: fit, embed, search, zero-shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, infer_schema, read_table
from motet.data.picture_files import read_picture
from motet.estimators.base import Encoders, several
from motet.estimators.fitted import Fitted
from motet.estimators.parameters import Parameters
from motet.learning_wing import require_learning_wing
from motet.runtime import MatchModel, ZeroShot


class MultimodalRetriever(Fitted[MatchModel], Parameters):
    """Learns one space for pictures and words from pairs, without labels.

    Parameters
    ----------
    image_encoder, text_encoder : str, path, or several
        As in `MultimodalClassifier`; where both name one model whose halves were trained together (CLIP), training
        begins from what that pair is.
    lexical : bool
        Keep `text:lexical` beside a neural text encoder.
    objective : "infonce", "sigmoid" or "triplet"
    terms : dict
        Added to the objective with these weights: `{"distance": 0.1}`; see `motet.tasks.match.TERMS`, and `local`.
    image, text : str or sequence of str
        Columns; none named means that they are inferred. Each text column holds one sentence for the row's picture.
    group, split, image_root, test_size, validation_size, accept_licence, seed
        As in `MultimodalClassifier`; shares are of pictures.

    Attributes
    ----------
    model_ : the fitted `motet.runtime.MatchModel`.
    evaluation_ : recall in both directions on the test pictures (the content of `evaluation.json`).
    """

    def __init__(
        self,
        *,
        image_encoder: Encoders = "auto",
        text_encoder: Encoders = "auto",
        lexical: bool = True,
        objective: str = "infonce",
        terms: Mapping[str, float] | None = None,
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
        self.text_encoder = text_encoder
        self.lexical = lexical
        self.objective = objective
        self.terms = terms
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
        from motet.deployment import MatchOptions, build_match_model

        table = read_table(X, image_root=self.image_root)
        schema = infer_schema(
            table, image=several(self.image), text=several(self.text), group=self.group, split=self.split
        )
        options = MatchOptions(
            image_encoders=several(self.image_encoder),
            text_encoders=several(self.text_encoder),
            lexical=self.lexical,
            objective=self.objective,
            terms=dict(self.terms or {}),
            accept_licence=self.accept_licence,
            test_size=self.test_size,
            validation_size=self.validation_size,
            seed=self.seed,
        )
        return self._build(MatchModel, lambda place: build_match_model(table, schema, place, options))

    def embed_images(self, X: Any) -> npt.NDArray[np.float32]:
        """Unit vectors [N, W] of the pictures of a table, or of a list of paths; zeros where none can be decoded.

        Paths lead from where the program runs, also out of the table's folder: whoever calls has chosen them. Raises
        UsageError for one that leads to no file.
        """
        model = self._fitted()
        if isinstance(X, list | tuple) and all(isinstance(path, str | Path) for path in X):
            X = {model.manifest.schema.inputs("image")[0]: [read_picture(path) for path in X]}
        table = read_table(X, image_root=self.image_root)
        return model.embed_images(ImageCells(table, model.manifest.schema.inputs("image"))).vectors

    def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors [N, W] of sentences; zeros where one is empty."""
        return self._fitted().embed_texts(texts).vectors

    def zero_shot(self, labels: Sequence[str], templates: Sequence[str] = ("{}",)) -> ZeroShot:
        """A classifier of classes that the pairs never named: `.predict(table)`."""
        return ZeroShot(self._fitted(), labels, templates)

    def evaluate(self, X: Any, *, all_rows: bool = False) -> dict[str, Any]:
        """Recall in both directions on the pairs of a table: the content of `evaluation.json`."""
        return self._fitted().evaluate(X, image_root=self.image_root, all_rows=all_rows)

    def score(self, X: Any) -> float:
        """Recall@1, the mean of both directions, on all pairs of a table."""
        directions = self.evaluate(X, all_rows=True)["directions"].values()
        return float(np.mean([one["metrics"]["recall@1"]["value"] for one in directions]))
