"""The space that captions are scored in, opened from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.runtime import MatchModel


def open_space(path: Path) -> MatchModel:
    """The model of the task `match` that lies there; UsageError where there is none."""
    from motet.cli.paths import check_model
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
    from motet.runtime import MatchModel, load

    check_model(path)
    opened = load(path, cache=FeatureCache())
    if not isinstance(opened, MatchModel):
        raise UsageError(
            f"--match {path}: this model was trained to {opened.manifest.task}: name one of --task match"
        )
    return opened
