"""A saved captioner, running: pictures become sentences.

Needs numpy, Pillow, tokenizers, pyarrow and onnxruntime, never PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from motet.data import CellIssue, ImageCells, Table, read_table, row_names
from motet.data.picture_files import read_picture
from motet.encoders import FeatureTable, token_features
from motet.errors import ModelError, TableError, UsageError
from motet.model import CaptionEntry
from motet.runtime.caption_neighbours import Neighbours
from motet.runtime.caption_step import CachedWriting, Pictures, PlainWriting, StepGraph
from motet.runtime.caption_tokens import CaptionTokens
from motet.runtime.decoding import Decoding, decode
from motet.runtime.opened import OpenedModel

if TYPE_CHECKING:
    from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
BATCH = 32  # pictures that are described at a time


@dataclass(frozen=True)
class Caption:
    """A sentence for a row's picture: null where it has none that can be read; then `issue` may say why.

    id : of the row, or its number where the table names no rows.
    log_probability : of all its words and its end, in nats. ended : by itself, not because it was too long.
    """

    id: str | int
    caption: str | None
    log_probability: float | None = None
    ended: bool = True
    issue: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As `motet describe --json` prints it."""
        return asdict(self)


class CaptionModel(OpenedModel):
    """A saved model of the task `caption`, opened from its directory; parameters are those of `OpenedModel`."""

    tasks = ("caption",)
    purpose = "describe pictures"

    @property
    def entry(self) -> CaptionEntry:
        """What the manifest says of how it writes."""
        assert self.manifest.caption is not None  # the manifest is refused without
        return self.manifest.caption

    @property
    def source(self) -> str:
        """The source whose tokens are read."""
        return self.manifest.heads[self.entry.prefix].sources[0]

    @cached_property
    def tokens(self) -> CaptionTokens:
        """The tokens that captions are written with."""
        path = self.directory.file(self.entry.tokenizer)
        try:
            return CaptionTokens(Tokenizer.from_file(str(path)), self.entry.language)
        except Exception as error:  # tokenizers raises nothing narrower
            raise ModelError(f"{path}: cannot be read as the tokenizer of captions: {error}") from error

    @cached_property
    def step(self) -> StepGraph:
        """The graph that reads words."""
        return StepGraph(self.directory.file(self.entry.step))

    @cached_property
    def neighbours(self) -> Neighbours:
        """Training pictures and their captions: the baseline."""
        return Neighbours.load(
            self.directory.file(self.entry.neighbours), self.directory.file(self.entry.sentences)
        )

    def decoding(self, **said: Any) -> Decoding:
        """How it decodes: as it was trained to, but for what is said (see `Decoding`).

        Drawing (top_p) is of one sentence, so beams must then not be named. Raises UsageError for what cannot be, and
        for what would change nothing.
        """
        known = [field.name for field in fields(Decoding)]
        for name in said:
            if name not in known:
                raise UsageError(f"{name!r} is no option of decoding: one of {', '.join(known)}")
        for name in ("temperature", "seed"):
            if name in said and said.get("top_p") is None:
                raise UsageError(
                    f"--{name} is of words that are drawn: add --top-p (in Python top_p=), or leave it out"
                )
        usual = Decoding(
            beams=1 if said.get("top_p") is not None else self.entry.beams,
            length_penalty=self.entry.length_penalty,
            longest=self.entry.longest,
            no_repeat=self.entry.no_repeat,
        )
        how = replace(usual, **said)
        if "length_penalty" in said and how.beams == 1:
            raise UsageError(
                "--length-penalty chooses among beams, and here is one sentence: "
                + (
                    "leave it out"
                    if how.top_p is not None
                    else "add --beams (in Python beams=), or leave it out"
                )
            )
        if how.longest > self.entry.longest:
            raise UsageError(f"longest is at most {self.entry.longest} for this model, not {how.longest}")
        return how

    def read(self, source: Any, *, image_root: str | Path | None = None) -> Table:
        """Read a table, or pictures named by paths; no column need be there but those of pictures.

        Raises TableError where none of the picture columns is there.
        """
        columns = self.manifest.schema.inputs("image")
        if isinstance(source, list | tuple) and all(isinstance(path, str | Path) for path in source):
            source = {columns[0]: [read_picture(path) for path in source]}
        table = read_table(source, image_root=image_root)
        if not set(columns) & set(table.columns):
            raise TableError(
                f"{table.name} has none of the columns of pictures that the model reads: {', '.join(columns)}"
            )
        return table

    def describe(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        cached: bool = True,
        **decoding: Any,
    ) -> list[Caption]:
        """A caption for each row of a table (a file, a DataFrame, a dict of columns), or each of a list of paths.

        decoding : see `Decoding`: beams, length_penalty, top_p, temperature, seed, longest, no_repeat.
        cached : without, every word is read again for each that follows; the captions are the same.
        """
        table = self.read(source, image_root=image_root)
        cells = ImageCells(table, self.manifest.schema.inputs("image"))
        names = row_names(table, self.manifest.schema.id)
        made, _ = self.describe_cells(cells, cached=cached, how=self.decoding(**decoding))
        return [replace(one, id=name) for one, name in zip(made, names, strict=True)]

    def describe_cells(
        self, cells: ImageCells, rows: Rows | None = None, *, how: Decoding | None = None, cached: bool = True
    ) -> tuple[list[Caption], tuple[CellIssue, ...]]:
        """The same of rows of cells (default: all), and what is broken in them."""
        rows = np.arange(len(cells)) if rows is None else rows
        wanted = set(rows.tolist())
        issues = {(issue.row, issue.column): issue for issue in cells.issues if issue.row in wanted}
        made: list[Caption] = []
        for some, table in self.windows(cells, rows):
            issues |= {(issue.row, issue.column): issue for issue in table.issues}
            made += self.captions_of(table, some, how=how, cached=cached, first=len(made))
        told = tuple(issues[key] for key in sorted(issues))
        noted: dict[str | int, list[str]] = {}
        for issue in told:
            noted.setdefault(issue.row, []).append(issue.reason)
        return [
            replace(one, issue="; ".join(noted[one.id]) if one.id in noted else None) for one in made
        ], told

    def windows(self, cells: ImageCells, rows: Rows) -> Iterator[tuple[Rows, FeatureTable]]:
        """The given rows, so many at a time as are described together, and their features with tokens."""
        for begin in range(0, len(rows), BATCH):
            some = rows[begin : begin + BATCH]
            yield some, token_features(self.encoder(self.source), cells, some, cache=self.cache)

    def captions_of(
        self,
        table: FeatureTable,
        rows: Rows,
        *,
        how: Decoding | None = None,
        cached: bool = True,
        first: int = 0,
    ) -> list[Caption]:
        """A caption for each row of a window. first : rows of the windows before it, by which words are drawn."""
        there = np.flatnonzero(table.present)
        said: dict[int, Caption] = {}
        if len(there):
            kind: type[CachedWriting] | type[PlainWriting] = CachedWriting if cached else PlainWriting
            writing = kind.of(self.step, self.pictures(table, there))
            # what is drawn for a row depends on its place in the call, not on which others can be read
            made = decode(writing, len(there), self.tokens, how or self.decoding(), first + there)
            for place, one in zip(there.tolist(), made, strict=True):
                text = self.tokens.text(one.ids)
                said[place] = Caption(int(rows[place]), text, one.log_probability, one.ended)
        return [said.get(place, Caption(row, None)) for place, row in enumerate(rows.tolist())]

    def evaluate(
        self,
        source: Any,
        *,
        image_root: str | Path | None = None,
        all_rows: bool = False,
        space: MatchModel | None = None,
    ) -> dict[str, Any]:
        """Measure the model on pictures with sentences, as `motet evaluate` does: the content of `evaluation.json`.

        space : a model that matches, by which captions get a CLIPScore too.
        """
        from motet.runtime.evaluate_captions import evaluate_captions

        return evaluate_captions(
            self, self.read(source, image_root=image_root), all_rows=all_rows, space=space
        )

    def pictures(self, table: FeatureTable, rows: Rows) -> Pictures:
        """The given rows, which must be present, as the words see them."""
        assert table.tokens is not None
        tokens, mask = table.tokens.dense(rows)
        keys, values = self.head(self.entry.prefix).run_tokens(tokens, mask)
        return Pictures(keys, values, mask)
