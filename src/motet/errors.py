"""The few kinds of error that Motet raises: each says what was wrong, where, and what to do."""

from __future__ import annotations


class MotetError(Exception):
    """Base of every error that Motet raises on purpose; the command prints it without a traceback."""


class UsageError(MotetError):
    """The call itself is wrong: an option, a column name or a combination that cannot work (exit code 2)."""


class TableError(MotetError):
    """The table cannot be used: missing, unreadable, empty, or without what the task needs."""


class MediaError(MotetError):
    """One cell's media cannot be used. Caught by whoever reads rows, which lists the cell as broken."""


class EncoderError(MotetError):
    """An encoder cannot be found, loaded or run."""


class ModelError(MotetError):
    """A model directory is missing, damaged, changed, or of another version."""


class TrainingError(MotetError):
    """A training came to nothing: its loss is no number."""


class SearchError(MotetError):
    """A search index is missing, damaged, or of another model; or what should go into it cannot."""
