"""Parts of pictures and of sentences, running: late interaction puts the first answers of a search in a better order.

W width of the space of parts; a row has T parts, its regions or its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, TextCells
from motet.encoders import features_of
from motet.errors import UsageError
from motet.runtime.head import TOKEN_BATCH

if TYPE_CHECKING:
    from motet.model import PartsEntry
    from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
DEPTH = 100  # answers that are put in a new order: the right one is seldom further down


@dataclass(frozen=True)
class PartRows:
    """n rows as unit vectors of their parts: values [P, W], of which row i has start[i] to start[i + 1]."""

    values: npt.NDArray[np.float16]
    start: Rows

    def __len__(self) -> int:
        return len(self.start) - 1

    def of(self, row: int) -> Floats:
        """The parts [T, W] of a row."""
        return self.values[self.start[row] : self.start[row + 1]].astype(np.float32)


def parts_entry(model: MatchModel) -> PartsEntry:
    """What the model says of its parts; UsageError where it has none."""
    if model.space.parts is None:
        raise UsageError(
            f"{model.directory.path}: this model compares whole pictures and sentences alone: "
            "train one with --term local"
        )
    return model.space.parts


def embed_parts(
    model: MatchModel, modality: str, cells: ImageCells | TextCells, rows: Rows | None = None
) -> PartRows:
    """Parts of the given rows (default: all); a row that is absent, or cannot be decoded, has none.

    Raises UsageError where the model has no parts.
    """
    entry = parts_entry(model)
    head = model.head(entry.image if modality == "image" else entry.text)
    rows = np.arange(len(cells)) if rows is None else rows
    values: list[npt.NDArray[np.float16]] = [np.zeros((0, entry.width), np.float16)]
    counts = np.zeros(len(rows), np.int64)
    for begin in range(0, len(rows), TOKEN_BATCH):
        some = rows[begin : begin + TOKEN_BATCH]
        tables = {
            name: features_of(model.encoder(name), cells, some, cache=model.cache, tokens=True)
            for name in head.sources
        }
        here = np.arange(len(some))
        made = head.run(tables, here, dict.fromkeys(head.sources, True))
        masks = []
        for name in head.sources:
            tokens = tables[name].tokens
            assert tokens is not None  # the head reads them, which is checked where it is opened
            masks.append(tokens.dense(here)[1] & tables[name].present[:, None])
        mask = np.concatenate(masks, axis=1)
        values.append(made[mask].astype(np.float16))
        counts[begin : begin + len(some)] = mask.sum(axis=1)
    return PartRows(np.concatenate(values), np.concatenate([[0], np.cumsum(counts)]))


def local_similarity(query: Floats, others: PartRows, rows: Sequence[int] | Rows) -> Floats:
    """Late interaction [n] of a query's parts [T, W] with those of the given rows of the other side; 0 without parts.

    s = 1/2 [mean over t of max over r of u_r.v_t + mean over r of max over t]: as `tasks.match.local`, which learns it.
    """
    rows = np.asarray(rows, np.int64)
    counts = others.start[rows + 1] - others.start[rows]
    found = np.zeros(len(rows), np.float32)
    full = np.flatnonzero(counts)
    if not len(query) or not len(full):
        return found
    pieces = np.concatenate([others.of(int(row)) for row in rows[full]])
    each = pieces @ query.T  # [sum of R, T]
    begin = np.concatenate([[0], np.cumsum(counts[full])[:-1]])
    of_query = np.maximum.reduceat(each, begin, axis=0).mean(axis=1)
    of_others = np.add.reduceat(each.max(axis=1), begin) / counts[full]
    found[full] = (of_query + of_others) / 2
    return found
