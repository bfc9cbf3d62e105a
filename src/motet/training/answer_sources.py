"""Pictures and questions of a batch as tokens: each different one is encoded once, however many rows have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import Features, FeatureTable
from motet.encoders.torch_small import Network
from motet.fusion import Source
from motet.training.batches import read_rows, shown_modalities
from motet.training.scratch_rows import Batch
from motet.training.small import Small

Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class AskedSource:
    """One source of N rows with U different cells: features that are kept, or a `small` encoder that is learned.

    number [N] : which cell a row has, -1 for none. table : features of the U cells, in few dimensions.
    small, at [U] : the encoder to be learned, and the row of the cells that it reads for each.
    """

    source: Source
    number: Rows
    table: FeatureTable | None = None
    small: Small | None = None
    at: Rows | None = None

    def present(self, rows: Rows) -> Bools:
        """Which of the given rows [n] have a cell that can be read."""
        number = self.number[rows]
        have = number >= 0
        if self.table is not None:
            have[have] = self.table.present[number[have]]
        elif self.small is not None and self.at is not None:
            at = self.at[number[have]]
            have[have] = np.isin(at, self.small.readable(np.unique(at)))
        return have


@dataclass(frozen=True)
class AskedCells:
    """The different cells of a batch, as they are read, and which of them each of B rows has; 0 where it has none."""

    cells: Batch | Features[Tensor] | None
    at: Tensor
    present: Tensor


AskedBatch = Mapping[str, AskedCells]


class AskedRows:
    """Rows of all sources, read batch by batch.

    present : of each source [N], as far as was known at first: where pictures are not kept in memory, those that are
    broken are found while they are read.
    """

    def __init__(self, sources: Sequence[AskedSource], rows: int) -> None:
        self.sources = tuple(sources)
        self.modalities = tuple(dict.fromkeys(one.source.modality for one in sources))
        self._present = {one.source.name: one.present(np.arange(rows)) for one in sources}

    def present(self, modality: str, rows: Rows) -> Bools:
        """Which of the given rows have a modality."""
        mine = [one.source.name for one in self.sources if one.source.modality == modality]
        have: Bools = np.any([self._present[name][rows] for name in mine], axis=0)
        return have

    def read(
        self,
        rows: Rows,
        *,
        shown: frozenset[str] | None = None,
        hide: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> AskedBatch:
        """The given rows. shown : modalities that are not hidden (default: all). random : where it is given, cells are
        changed a little and each modality is hidden with the chance `hide`, though never all of a row."""
        have = np.stack([self.present(m, rows) for m in self.modalities], axis=-1)
        if random is not None:
            have = shown_modalities(have, hide, random)
        visible = dict(zip(self.modalities, have.T, strict=True))
        read: dict[str, AskedCells] = {}
        for one in self.sources:
            name, modality = one.source.name, one.source.modality
            present = self._present[name][rows] & visible[modality]
            if shown is not None and modality not in shown:
                present = np.zeros_like(present)
            cells, at = np.unique(one.number[rows[present]], return_inverse=True)
            made, found = _read(one, cells, random)
            places = np.zeros(len(rows), np.int64)
            # What could not be read leaves no gap in what was: the others move up.
            places[present] = np.where(found, np.cumsum(found) - 1, 0)[at]
            present[present] = found[at]
            read[name] = AskedCells(made, torch.from_numpy(places), torch.from_numpy(present))
        return read


def _read(
    one: AskedSource, cells: Rows, random: np.random.Generator | None
) -> tuple[Batch | Features[Tensor] | None, Bools]:
    """The given cells [U] of a source, None where none is read, and which of them [U] were: pictures that are not kept
    in memory are decoded now, and only now is known which are broken."""
    if not len(cells):
        return None, np.zeros(0, bool)
    if one.small is not None and one.at is not None:
        batch = one.small.reader.read(one.at[cells], random)
        return (batch if len(batch.rows) else None), np.isin(one.at[cells], batch.rows)
    assert one.table is not None
    arrays = read_rows(one.source, {one.source.name: one.table}, cells)
    return Features(*map(torch.from_numpy, arrays)), np.ones(len(cells), bool)


class LiveEncoders(nn.Module):
    """The networks that are learned: a batch -> features [B, ...] of every source, with tokens where it is read so."""

    def __init__(self, sources: Sequence[AskedSource]) -> None:
        super().__init__()
        self.sources = tuple(one.source for one in sources)
        self.places = {one.source.name: i for i, one in enumerate(s for s in sources if s.small is not None)}
        self.networks = nn.ModuleList(one.small.network for one in sources if one.small is not None)

    def forward(self, batch: AskedBatch) -> dict[str, Features[Tensor]]:
        """Return features by source."""
        made = {}
        for source in self.sources:
            asked = batch[source.name]
            made[source.name] = _spread(self._encoded(source, asked.cells), asked)
        return made

    def _encoded(self, source: Source, cells: Batch | Features[Tensor] | None) -> Features[Tensor]:
        if cells is None:  # no row has any: one that is never looked at
            nothing = torch.zeros(1, 1, source.width)
            seen = torch.ones(1, dtype=torch.bool)
            if source.read == "pooled":
                return Features(nothing[:, 0], seen)
            return Features(nothing[:, 0], seen, nothing, seen[:, None])
        if isinstance(cells, Features):
            return cells
        tokens, mask = token_rows(self.networks[self.places[source.name]], cells)  # type: ignore[arg-type]
        return Features(tokens[:, 0], torch.ones(len(tokens), dtype=torch.bool), tokens, mask)


def token_rows(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Tokens [R, T, D] of the R rows of a batch and their mask [R, T]; those of several cells of a row are joined."""
    tokens: Tensor = network(**batch.inputs)[1]
    given = batch.inputs.get("attention_mask")
    mask = torch.ones(tokens.shape[:2], dtype=torch.bool) if given is None else given.bool()
    if len(batch.owner) == len(batch.rows):
        return tokens, mask
    counts = torch.bincount(batch.owner, minlength=len(batch.rows))
    within = torch.arange(len(batch.owner)) - (counts.cumsum(0) - counts)[batch.owner]
    most, length = int(counts.max()), tokens.shape[1]
    joined = tokens.new_zeros(len(batch.rows) * most, length, tokens.shape[2])
    seen = torch.zeros(len(batch.rows) * most, length, dtype=torch.bool)
    place = batch.owner * most + within
    joined = joined.index_copy(0, place, tokens)
    seen[place] = mask
    return joined.reshape(len(batch.rows), most * length, -1), seen.reshape(len(batch.rows), -1)


def _spread(encoded: Features[Tensor], asked: AskedCells) -> Features[Tensor]:
    """Features of the different cells given to the rows that have them."""
    pooled = encoded.pooled[asked.at]
    if encoded.tokens is None or encoded.mask is None:
        return Features(pooled, asked.present)
    return Features(pooled, asked.present, encoded.tokens[asked.at], encoded.mask[asked.at])
