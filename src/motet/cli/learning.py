"""The learning wing may not be installed: say how to get it before anything is read twice."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from motet.cli.console import message
from motet.errors import UsageError

NEEDED = ("torch", "transformers", "accelerate", "onnx")


def require_learning_wing() -> None:
    """Raise UsageError where what training needs is not installed; show what encoders say while they are opened."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise UsageError(
            f"training needs {', '.join(absent)}, not installed here: install motet with its extra "
            "'train' (from a clone: pip install -c constraints.txt '.[train]'); predicting needs none of it"
        )
    log = logging.getLogger("motet")
    if not log.handlers:
        log.addHandler(_Messages())
        log.setLevel(logging.INFO)


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message(self.format(record))
