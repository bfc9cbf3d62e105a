"""What a training follows from, so that an interrupted one goes on only where it would end the same.

Of pictures in files their names are compared, not what is in them: reading all would take as long as encoding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from motet import __version__
from motet.data import Schema, Table
from motet.deployment.answer_options import AUTO
from motet.deployment.versions import package_versions
from motet.encoders import FROM_SCRATCH, Encoder
from motet.encoders.pretrained import PretrainedEncoder
from motet.model import sha256, table_digest
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
        "files": {path: digest for name in _named(options) for path, digest in _files(name)},
        "versions": {"motet": __version__, **package_versions()},
    }
    return Checkpoints.begin(place, about, resume=options.resume)


def hashes_of(encoders: Mapping[str, Encoder]) -> dict[str, str]:
    """What tells the encoders that a training reads from others of the same name: `auto` and names of a hub say less.

    Not by which engine they run: that is the faster one, which is measured each time.
    """
    return {
        name: encoder.identity if isinstance(encoder, PretrainedEncoder) else encoder.fingerprint
        for name, encoder in encoders.items()
    }


def _named(options: ResumableOptions) -> list[str]:
    """What options name that may be a directory of weights."""
    said = [getattr(options, name, ()) for name in ("image_encoders", "text_encoders")]
    decoder = getattr(options, "decoder", None)
    named = [*(one for some in said for one in some), *([decoder] if decoder else [])]
    return [name for name in named if name not in (AUTO, FROM_SCRATCH)]


def _files(name: str) -> list[tuple[str, str]]:
    """Paths and hashes of the files in a directory of weights; none where it is no directory."""
    folder = Path(name.removeprefix(f"{FROM_SCRATCH}:")).expanduser()
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [(str(path), sha256(path)) for path in files]
