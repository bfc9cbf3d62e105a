"""What every estimator has that keeps the saved model it has made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Generic, TypeVar

from motet.errors import ModelError
from motet.model import new_model_directory
from motet.runtime import AnswerModel, CaptionModel, MatchModel, Model

Made = TypeVar("Made", Model, AnswerModel, CaptionModel, MatchModel)


class Fitted(Generic[Made]):
    """An estimator whose `fit` leaves a model, `model_`, opened from a directory of its own."""

    model_: Made

    def save(self, directory: str | Path) -> None:
        """Write the model directory, which `motet.load` and every command open without PyTorch."""
        source = self._fitted().directory.path
        with new_model_directory(directory) as making:
            shutil.copytree(source, making, dirs_exist_ok=True)

    def _fitted(self) -> Made:
        if not hasattr(self, "model_"):
            raise ModelError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return self.model_
