"""What a training follows from, so that an interrupted one goes on only where it would end the same."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from motet import __version__
from motet.data import Schema, Table
from motet.deployment.versions import package_versions
from motet.model import table_digest
from motet.training.checkpoint import Checkpoints


class ResumableOptions(Protocol):
    """Options of a task whose training can go on."""

    @property
    def resume(self) -> bool:
        """Whether an interrupted training goes on."""
        ...


def checkpoints_beside(place: Path, table: Table, schema: Schema, options: ResumableOptions) -> Checkpoints:
    """Where the state of trainings for the model `place` is kept until it is written.

    Raises UsageError where `options` ask to resume and there is nothing, or a training of something else.
    """
    said: dict[str, Any] = asdict(options)  # type: ignore[call-overload]
    about = {
        "table": table_digest(table),
        "columns": schema.to_json(),
        **{name: value for name, value in said.items() if name not in ("resume", "cache")},
        "versions": {"motet": __version__, **package_versions()},
    }
    return Checkpoints.begin(place, about, resume=options.resume)
