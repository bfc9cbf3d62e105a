"""Before training, how to get what it needs; and when it is stopped, how to go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motet import learning_wing
from motet.cli.console import message


def require_learning_wing() -> None:
    """Raise UsageError where what training needs is not installed; show what encoders say while they are opened."""
    learning_wing.require_learning_wing()
    log = logging.getLogger("motet")
    if not log.handlers:
        log.addHandler(_Messages())
        log.setLevel(logging.INFO)


@contextmanager
def resumable(output: Path) -> Iterator[None]:
    """Say how a training goes on that is stopped after an epoch was finished."""
    from motet.training.checkpoint import folder_beside

    try:
        yield
    except KeyboardInterrupt:
        if folder_beside(output).is_dir():
            message(
                "the epochs that were finished are kept: the same command with --resume goes on from there"
            )
        raise


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message(self.format(record))
