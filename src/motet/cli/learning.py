"""The learning wing may not be installed: say how to get it before anything is read twice."""

from __future__ import annotations

import logging

from motet import learning_wing
from motet.cli.console import message


def require_learning_wing() -> None:
    """Raise UsageError where what training needs is not installed; show what encoders say while they are opened."""
    learning_wing.require_learning_wing()
    log = logging.getLogger("motet")
    if not log.handlers:
        log.addHandler(_Messages())
        log.setLevel(logging.INFO)


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message(self.format(record))
