"""A saved model of one space for pictures and words, running: cells become unit vectors.

Needs numpy, Pillow, tokenizers, pyarrow and onnxruntime, never PyTorch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.data import CellIssue, ImageCells, Table, TextCells, read_table
from motet.data.pairs import SENTENCE
from motet.encoders import features_of
from motet.errors import UsageError
from motet.model import SpaceEntry
from motet.runtime.head import Head
from motet.runtime.opened import OpenedModel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
WINDOW = 2048  # rows that are encoded and embedded at a time


@dataclass(frozen=True)
class Embedded:
    """n cells in a space: unit vectors [n, W], zeros where a cell is absent; present [n]; and broken cells."""

    vectors: Floats
    present: npt.NDArray[np.bool_]
    issues: tuple[CellIssue, ...] = ()


class MatchModel(OpenedModel):
    """A saved model of the task `match`, opened from its directory; parameters are those of `OpenedModel`."""

    tasks = ("match",)
    purpose = "match pictures and words"

    @cached_property
    def space(self) -> SpaceEntry:
        """The space that the model answers with; the others are its baselines."""
        return next(iter(self.manifest.spaces.values()))

    @property
    def width(self) -> int:
        """W of the vectors."""
        return self.space.width

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that the vectors depend on: an index says by it whose vectors it holds."""
        whole = hashlib.blake2b(digest_size=16)
        heads = [self.manifest.heads[name] for name in (self.space.image, self.space.text)]
        folders = {self.manifest.sources[source].directory for head in heads for source in head.sources}
        files = {head.file for head in heads}
        for name in sorted(self.directory.files()):
            if name in files or any(name.startswith(f"{folder}/") for folder in folders):
                whole.update(f"{name} {self.directory.hash_of(name)}\n".encode())
        return whole.hexdigest()

    def read(self, source: Any, *, image_root: str | Path | None = None) -> Table:
        """Read a table: a file, a DataFrame, a dictionary of columns, a list of rows."""
        return read_table(source, image_root=image_root)

    def embed_images(
        self, cells: ImageCells, rows: Rows | None = None, *, space: SpaceEntry | None = None
    ) -> Embedded:
        """Vectors of the pictures of the given rows (default: all); a row none of whose can be decoded is absent."""
        space = space or self.space
        if not isinstance(cells, ImageCells):
            raise UsageError(
                "embed_images takes the picture cells of a table: ImageCells(motet.read_table(...), [column])"
            )
        return self._embed(cells, rows, self.head(space.image), space.width)

    def embed_texts(
        self,
        texts: TextCells | Sequence[str],
        rows: Rows | None = None,
        *,
        space: SpaceEntry | None = None,
    ) -> Embedded:
        """Vectors of sentences, or of the text of the given rows; an empty one is absent."""
        cells = texts if isinstance(texts, TextCells) else sentence_cells(texts)
        space = space or self.space
        return self._embed(cells, rows, self.head(space.text), space.width)

    def evaluate(
        self, source: Any, *, image_root: str | Path | None = None, all_rows: bool = False
    ) -> dict[str, Any]:
        """Measure the model on pairs, as `motet evaluate` does: the content of `evaluation.json`."""
        from motet.runtime.evaluate_matches import evaluate_matches

        return evaluate_matches(self, self.read(source, image_root=image_root), all_rows=all_rows)

    def _embed(self, cells: ImageCells | TextCells, rows: Rows | None, head: Head, width: int) -> Embedded:
        rows = np.arange(len(cells)) if rows is None else rows
        vectors, present = np.zeros((len(rows), width), np.float32), np.zeros(len(rows), bool)
        issues = {(issue.row, issue.column): issue for issue in cells.issues}
        for begin in range(0, len(rows), WINDOW):
            window = rows[begin : begin + WINDOW]
            tables = {
                name: features_of(self.encoder(name), cells, window, cache=self.cache, tokens=False)
                for name in head.sources
            }
            have = np.logical_and.reduce([table.present for table in tables.values()])
            there = np.flatnonzero(have)
            present[begin + there] = True
            if len(there):
                vectors[begin + there] = head.run(tables, there, dict.fromkeys(head.sources, True))
            issues |= {
                (issue.row, issue.column): issue for table in tables.values() for issue in table.issues
            }
        return Embedded(vectors, present, tuple(issues[key] for key in sorted(issues)))


def sentence_cells(texts: Sequence[str]) -> TextCells:
    """Sentences as cells; UsageError for anything else than a list of texts (None is an absent one)."""
    if isinstance(texts, str) or not all(text is None or isinstance(text, str) for text in texts):
        raise UsageError("sentences are a list of texts: write ['a dog'], also for one")
    return TextCells(Table(pa.table({SENTENCE: pa.array(list(texts), pa.large_string())})), [SENTENCE])
