"""What the estimators share: their parameters, fit, evaluate, save, copies."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy.typing as npt
import pyarrow as pa

from motet.data import Schema, Table, TargetKind, infer_schema, read_table
from motet.errors import UsageError
from motet.estimators.fitted import Fitted
from motet.estimators.parameters import Parameters
from motet.learning_wing import require_learning_wing
from motet.preprocessing import Augmentation
from motet.runtime import Model

Encoders = str | Path | Sequence[str | Path]


class MultimodalEstimator(Fitted[Model], Parameters, ABC):
    """A model of rows that hold pictures, words and numbers, any of which may be missing.

    Parameters
    ----------
    image_encoder, text_encoder, audio_encoder : str, path, or several
        `auto`, `small`, `descriptor`, `lexical`, `word-vectors:FILE`, a recommended model, a hub id, or a model
        directory.
    lexical : bool
        Keep `text:lexical` beside a neural text encoder.
    fusion : str
        `auto` chooses for each pattern of present modalities; `concat`, `gated` or `late` forces one.
    tokens : bool
        Strategies that read tokens are given those of pretrained encoders, instead of pooled features.
    pooling : str or sequence of str
        How pretrained encoders pool: `cls`, `mean`, `max`, or `attention`, learned in fused heads; for one modality
        `image=max`. None named means each model's own convention.
    image, text, audio, vector, numeric, categorical : str or sequence of str
        Columns; none named means that they are inferred.
    group, split, id : str
        Columns with these roles.
    image_root : path
        Folder that picture paths start from; default the table's own.
    test_size, validation_size : float
        Shares of rows held out by `fit` to be measured on, and to choose on. `fit` alone needs no test rows, so
        `test_size` is 0 by default; `motet train` uses 0.15.
    multilabel : bool
        Labels are lists of any number of labels (`MultimodalClassifier` alone).
    class_weights : None or "balanced"
    imbalance : "none", "weights" or "logit-adjustment"
        What is done for rare classes.
    weight : str
        A column of numbers from 0: how much each row counts in the loss (not in metrics); 0 leaves it out.
    time_limit : float
        Seconds after which no further candidate is tried; linear heads always are.
    balance : None or dict
        How fused heads treat their modalities: `{"auxiliary": 0.3, "image.dropout": 0.5, ...}`; the keys are those of
        `motet train --balance`.
    augment : int or motet.Augmentation
        Further views of each training row, changed a little: how many, or also by which changes.
    semi_supervised : bool
        Rows without a label (None, NaN) teach too, as the class that the labelled rows make sure of
        (`MultimodalClassifier` alone; labels of one class a row).
    refit : bool
        Fit the heads once more, on the validation rows too, when these have chosen. Without it the heads are those that
        were measured, and have seen no row that chose or calibrated them: `validation_size` of the rows teach nothing.
    accept_licence : bool
        Use encoders whose licence forbids commercial use.
    seed : int

    Attributes
    ----------
    model_ : the fitted `motet.runtime.Model`: every prediction comes from it, exactly as it would after saving. Its
        files live as long as it does, with or without the estimator.
    evaluation_ : what was measured on the test rows (the content of `evaluation.json`).

    A fitted one can be copied and pickled (to other processes, as scikit-learn does); to keep a model use `save`,
    whose files hold no pickle.
    """

    def __init__(
        self,
        *,
        image_encoder: Encoders = "auto",
        text_encoder: Encoders = "auto",
        audio_encoder: Encoders = "auto",
        lexical: bool = True,
        fusion: str = "auto",
        tokens: bool = False,
        pooling: str | Sequence[str] = (),
        image: str | Sequence[str] = (),
        text: str | Sequence[str] = (),
        audio: str | Sequence[str] = (),
        vector: str | Sequence[str] = (),
        numeric: str | Sequence[str] = (),
        categorical: str | Sequence[str] = (),
        group: str | None = None,
        split: str | None = None,
        id: str | None = None,
        image_root: str | Path | None = None,
        test_size: float = 0.0,
        validation_size: float = 0.15,
        multilabel: bool = False,
        class_weights: str | None = None,
        imbalance: str = "none",
        weight: str | None = None,
        time_limit: float | None = None,
        balance: Mapping[str, float] | None = None,
        augment: int | Augmentation = 0,
        semi_supervised: bool = False,
        refit: bool = True,
        accept_licence: bool = False,
        seed: int = 0,
    ) -> None:
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.audio_encoder = audio_encoder
        self.lexical = lexical
        self.fusion = fusion
        self.tokens = tokens
        self.pooling = pooling
        self.image = image
        self.text = text
        self.audio = audio
        self.vector = vector
        self.numeric = numeric
        self.categorical = categorical
        self.group = group
        self.split = split
        self.id = id
        self.image_root = image_root
        self.test_size = test_size
        self.validation_size = validation_size
        self.multilabel = multilabel
        self.class_weights = class_weights
        self.imbalance = imbalance
        self.weight = weight
        self.time_limit = time_limit
        self.balance = balance
        self.augment = augment
        self.semi_supervised = semi_supervised
        self.refit = refit
        self.accept_licence = accept_licence
        self.seed = seed

    def fit(self, X: Any, y: Any = None, *, label: str | None = None) -> Self:
        """Train on a table.

        X : a file, a DataFrame, a `datasets.Dataset`, a dict of columns, or a list of rows.
        y : labels of the rows [N], or None where `label` names a column of X.

        Raises TableError for a table or labels that cannot be learned from, UsageError for a wrong call, and where
        what training needs is not installed.
        """
        require_learning_wing()
        from motet.deployment import Options, build_model
        from motet.training import Balance, Settings

        table, name = self._with_label(X, y, label)
        schema = self.schema(table, name)
        self._check_sizes(schema)
        options = Options(
            image_encoders=several(self.image_encoder),
            text_encoders=several(self.text_encoder),
            audio_encoders=several(self.audio_encoder),
            lexical=self.lexical,
            fusion=self.fusion,
            target=self._target(),
            tokens=self.tokens,
            pooling=several(self.pooling),
            class_weights=self.class_weights,
            imbalance=self.imbalance,
            time_limit=self.time_limit,
            accept_licence=self.accept_licence,
            test_size=self.test_size,
            validation_size=self.validation_size,
            training=Settings(balance=Balance.of(self.balance or {}), seed=self.seed),
            augment=self.augment if isinstance(self.augment, Augmentation) else Augmentation(self.augment),
            semi_supervised=self.semi_supervised,
            refit=self.refit,
            seed=self.seed,
        )
        return self._build(Model, lambda place: build_model(table, schema, place, options))

    @abstractmethod
    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The answer to each row."""

    @abstractmethod
    def _target(self) -> TargetKind: ...

    def evaluate(self, X: Any, *, all_rows: bool = False, slices: Sequence[str] = ()) -> dict[str, Any]:
        """Measure on a labelled table: the content of `evaluation.json`.

        Where X has the split column that `fit` saw, only its test rows count, unless `all_rows`. slices : columns by
        whose values every metric is told too.
        """
        return self._fitted().evaluate(X, image_root=self.image_root, all_rows=all_rows, slices=slices)

    def schema(self, table: Table, label: str) -> Schema:
        """The schema that `fit` would use for this table."""
        return infer_schema(
            table,
            label=label,
            image=several(self.image),
            text=several(self.text),
            audio=several(self.audio),
            vector=several(self.vector),
            numeric=several(self.numeric),
            categorical=several(self.categorical),
            group=self.group,
            split=self.split,
            id=self.id,
            weight=self.weight,
            target=self._target(),
        )

    def _check_sizes(self, schema: Schema) -> None:
        """A split column is followed: UsageError, or a warning where it was found by its name, for a size beside it."""
        if schema.split is None or not self.test_size:
            return
        said = f"column {schema.split!r} says which rows test, so test_size={self.test_size:g}"
        if self.split is not None:
            raise UsageError(f"{said} cannot be followed: leave test_size= or split= out")
        warnings.warn(f"{said} is not used", stacklevel=3)

    def _with_label(self, X: Any, y: Any, label: str | None) -> tuple[Table, str]:
        if isinstance(y, str):
            raise UsageError(
                f"y is the text {y!r}, not a label for each row: to name a column of the table write label={y!r}"
            )
        if (y is None) == (label is None):
            raise UsageError("give the labels once: as y, or as the name of a column with label=")
        if getattr(y, "ndim", 1) > 1:
            raise UsageError(
                f"y has the shape {tuple(y.shape)}: give one label a row, or, for several labels, a list of names a row"
            )
        table = read_table(X, image_root=self.image_root)
        if label is not None:
            table.column(label)  # says which columns there are, where it is not one of them
            return table, label
        values = read_table({"label": list(y)}).data.column("label")
        if len(values) != len(table):
            raise UsageError(f"X has {len(table)} rows and y {len(values)}")
        name = "label"
        while name in table.columns:
            name = f"_{name}"
        data = table.data.append_column(pa.field(name, values.type), values)
        return Table(data, table.root, table.name, table.notes, table.issues), name


def several(value: Encoders | str | Sequence[str]) -> tuple[str, ...]:
    """One name, or several, as several."""
    return (str(value),) if isinstance(value, str | Path) else tuple(str(item) for item in value)
