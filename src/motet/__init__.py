"""Motet: multimodal learning from a table of pictures, words, sounds and numbers.

Importing it costs almost nothing: its public names are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motet.data import read_table as read_table
    from motet.errors import MotetError as MotetError
    from motet.estimators import Captioner as Captioner
    from motet.estimators import MultimodalClassifier as MultimodalClassifier
    from motet.estimators import MultimodalPretrainer as MultimodalPretrainer
    from motet.estimators import MultimodalRegressor as MultimodalRegressor
    from motet.estimators import MultimodalRetriever as MultimodalRetriever
    from motet.estimators import VisualQuestionAnswerer as VisualQuestionAnswerer
    from motet.preprocessing import Augmentation as Augmentation
    from motet.runtime import Model as Model
    from motet.runtime import load as load

__version__ = "0.1.0"
_HOMES = {
    "Augmentation": "motet.preprocessing",
    "Captioner": "motet.estimators",
    "Model": "motet.runtime",
    "MotetError": "motet.errors",
    "MultimodalClassifier": "motet.estimators",
    "MultimodalPretrainer": "motet.estimators",
    "MultimodalRegressor": "motet.estimators",
    "MultimodalRetriever": "motet.estimators",
    "VisualQuestionAnswerer": "motet.estimators",
    "load": "motet.runtime",
    "read_table": "motet.data",
}
__all__ = [
    "Augmentation",
    "Captioner",
    "Model",
    "MotetError",
    "MultimodalClassifier",
    "MultimodalPretrainer",
    "MultimodalRegressor",
    "MultimodalRetriever",
    "VisualQuestionAnswerer",
    "__version__",
    "load",
    "read_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'motet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
