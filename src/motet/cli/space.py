"""The space of pictures and words that a command names, opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.runtime import MatchModel


def open_space(path: Path) -> MatchModel:
    """The model of the task `match` that lies there; UsageError where there is none."""
    from motet.cli.paths import check_model
    from motet.encoders import FeatureCache
    from motet.runtime import MatchModel

    check_model(path)
    return MatchModel(path, cache=FeatureCache())
