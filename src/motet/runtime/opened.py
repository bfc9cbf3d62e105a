"""A model directory that is open: encoders and heads, each opened when it is first needed."""

from __future__ import annotations

import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from motet.encoders import Encoder, FeatureCache, load_encoder
from motet.errors import ModelError, UsageError
from motet.model import MANIFEST, ModelDirectory, read_files, write_files
from motet.runtime.head import Head


class OpenedModel:
    """What saved models of every task share.

    Parameters
    ----------
    path : a model directory; every file is compared with its hash when it is first opened.
    cache : where features are kept between runs; default none.
    folder : the temporary folder that holds `path`, where there is one: it is removed with the model.

    Raises ModelError for what is no model directory, UsageError for a model of another task.
    """

    tasks: ClassVar[tuple[str, ...]]  # what the models of a kind were trained to do
    purpose: ClassVar[str]  # the same in words

    def __init__(
        self,
        path: str | Path,
        *,
        cache: FeatureCache | None = None,
        folder: TemporaryDirectory[str] | None = None,
    ) -> None:
        self.directory = ModelDirectory(path)
        self._temporary = folder is not None
        if folder is not None:  # files are opened when they are first needed
            weakref.finalize(self, folder.cleanup)
        self.manifest = self.directory.manifest
        if self.manifest.task not in self.tasks:
            raise UsageError(
                f"{self.directory.path}: this model was trained to {self.manifest.task}, not to {self.purpose}: "
                f"name one of --task {' or '.join(self.tasks)}"
            )
        self.cache = cache
        self._encoders: dict[str, Encoder] = {}
        self._heads: dict[str, Head] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Where it lies, or its files where they lie in a temporary folder; what is open is opened again."""
        path = self.directory.path.absolute()
        return {"path": path, "cache": self.cache, "files": read_files(path) if self._temporary else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        path, folder = state["path"], None
        if state["files"] is not None:
            folder = TemporaryDirectory(prefix="motet-")
            path = Path(folder.name) / path.name
            write_files(path, state["files"])
        self.__init__(path, cache=state["cache"], folder=folder)  # type: ignore[misc]

    def encoder(self, name: str) -> Encoder:
        """The encoder of a source, opened when first used."""
        if name not in self._encoders:
            self._encoders[name] = load_encoder(self.directory.folder(self.manifest.sources[name].directory))
        return self._encoders[name]

    def head(self, name: str) -> Head:
        """A head, opened when first used."""
        if name not in self._heads:
            entry = self.manifest.heads[name]
            made = Head(self.directory.file(entry.file), entry.sources)
            if made.tokens != set(entry.tokens):
                raise ModelError(
                    f"{self.directory.path / MANIFEST}: heads.{name}.tokens is not what {entry.file} reads as tokens: "
                    + (", ".join(sorted(made.tokens)) or "none")
                )
            self._heads[name] = made
        return self._heads[name]
