"""What every estimator has that keeps the saved model it has made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Self, TypeVar

from motet.errors import ModelError
from motet.model import new_model_directory
from motet.runtime import AnswerModel, CaptionModel, MatchModel, Model

Made = TypeVar("Made", Model, AnswerModel, CaptionModel, MatchModel)


class Fitted(Generic[Made]):
    """An estimator whose `fit` leaves a model, `model_`, opened from a directory of its own."""

    model_: Made
    evaluation_: dict[str, Any]

    def _build(self, kind: type[Made], build: Callable[[Path], dict[str, Any]]) -> Self:
        """Keep the model, of a kind, that `build` writes at the place it is given, and the evaluation it returns."""
        folder = TemporaryDirectory(prefix="motet-")
        place = Path(folder.name) / "model"
        self.evaluation_ = build(place)
        self.model_ = kind(place, folder=folder)
        return self

    def save(self, directory: str | Path) -> None:
        """Write the model directory, which `motet.load` and every command open without PyTorch."""
        source = self._fitted().directory.path
        with new_model_directory(directory) as making:
            shutil.copytree(source, making, dirs_exist_ok=True)

    def _fitted(self) -> Made:
        if not hasattr(self, "model_"):
            raise ModelError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return self.model_
