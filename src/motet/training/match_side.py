"""One side of a space, pictures or words: its sources as towers read them, and the vectors that towers make."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion import Source, SourceBatch
from motet.tasks.match import Tower
from motet.training.batches import read_rows
from motet.training.designs import standardisation
from motet.training.latent import to_latent
from motet.training.match_settings import MatchSettings
from motet.training.pairs import Rows, Tables
from motet.training.scratch_rows import Batch
from motet.training.small import Small, pooled_rows

Floats = npt.NDArray[np.float32]
ENCODED_AT_ONCE, LIVE_AT_ONCE = 4096, 256
# Of sparse words: sentences are short and many, and their rare words say which picture is meant.
LATENT_DIMENSIONS, LATENT_ROWS = 1024, 30_000


@dataclass(frozen=True)
class LiveSource:
    """A `small` encoder that is learned together with the space: number n of a side is row at[n] of its cells."""

    name: str
    small: Small
    at: Rows


@dataclass(frozen=True)
class SideBatch:
    """B rows of a side: features of sources that are kept, and what the network reads that is learned.

    cells : of those rows that could be read, which [B] `there` tells.
    """

    features: dict[str, Features[Tensor]]
    cells: Batch | None = None
    there: npt.NDArray[np.bool_] | None = None


class EndToEnd(nn.Module):
    """A tower, behind the network that is learned with it where there is one: rows of a side -> unit vectors [B, W]."""

    def __init__(self, tower: Tower, live: LiveSource | None) -> None:
        super().__init__()
        self.tower = tower
        self.name = "" if live is None else live.name
        self.network = None if live is None else live.small.network

    def forward(self, batch: SideBatch) -> Tensor:
        """Return unit vectors."""
        features = dict(batch.features)
        if self.network is not None and batch.cells is not None and batch.there is not None:
            made, there = pooled_rows(self.network, batch.cells), torch.from_numpy(batch.there)
            pooled = made.new_zeros(len(there), made.shape[1]).index_copy(0, there.nonzero()[:, 0], made)
            features[self.name] = Features(pooled, there)
        vectors: Tensor = self.tower(features)
        return vectors


@dataclass(frozen=True)
class MatchSide:
    """The sources of one side as they are trained on: dense and standardised by the training rows, or learned too."""

    sources: tuple[Source, ...]
    tables: Tables
    live: LiveSource | None
    bases: Mapping[str, Floats]
    moments: Mapping[str, tuple[Floats, Floats]]
    seed: int

    @classmethod
    def of(
        cls, modality: str, given: Tables, rows: Rows, *, seed: int = 0, live: LiveSource | None = None
    ) -> MatchSide:
        """Sparse sources in few dimensions, all kept ones with the moments of `rows`; then the one that is learned."""
        pooled = {name: replace(table, tokens=None) for name, table in given.items()}
        latent = to_latent(pooled, rows, seed=seed, dimensions=LATENT_DIMENSIONS, most_rows=LATENT_ROWS)
        widths = {name: table.width for name, table in latent.tables.items()}
        if live is not None:
            widths[live.name] = live.small.network.width
        sources = tuple(Source(name, modality, width) for name, width in widths.items())
        moments = {name: standardisation(table, rows) for name, table in latent.tables.items()}
        bases = cast(Mapping[str, Floats], latent.bases)  # of tokens there are none
        return cls(sources, latent.tables, live, bases, moments, seed)

    def end_to_end(self, settings: MatchSettings) -> EndToEnd:
        """A new tower over the sources, behind the network that is learned with it."""
        made = Tower(
            self.sources,
            settings.width,
            hidden=settings.hidden,
            dropout=settings.dropout,
            inputs=settings.inputs,
            aligned=next((s.name for s in self.sources if s.name in settings.aligned), None),
        )
        self.standardise(made, but=settings.aligned)  # an aligned encoder's vectors are compared as they are
        return EndToEnd(made, self.live)

    def standardise(self, tower: Tower, but: Sequence[str] = ()) -> None:
        """Let a tower standardise its kept sources, but some, by the moments of the training rows."""
        for source, linear in zip(self.sources, tower.linears, strict=True):
            if source.name in self.moments and source.name not in but:
                mean, scale = self.moments[source.name]
                linear.standardise(torch.from_numpy(mean), torch.from_numpy(scale))

    def read(self, rows: Rows, step: int | None = None) -> SideBatch:
        """The given rows; at a step of training their cells are changed at random, in the same way when read again."""
        kept = [source for source in self.sources if source.name in self.tables]
        features = _features(kept, self.tables, rows)
        if self.live is None:
            return SideBatch(features)
        random = None if step is None else np.random.default_rng([self.seed, step, int(rows[0])])
        at = self.live.at[rows]
        cells = self.live.small.reader.read(at, random)
        return SideBatch(features, cells, np.isin(at, cells.rows))

    def embed(self, network: EndToEnd, rows: Rows) -> Floats:
        """Unit vectors [n, W] of the given rows while a tower is trained, in eval mode."""
        at_once = LIVE_AT_ONCE if self.live else ENCODED_AT_ONCE
        return _embedded(network, self.read, rows, network.tower.width, at_once)

    def matrix(self, rows: Rows) -> Tensor:
        """All sources of the given rows, standardised, side by side: [n, sum of D]."""
        parts = []
        for source in self.sources:
            mean, scale = self.moments[source.name]
            pooled, _ = read_rows(source, self.tables, rows)
            parts.append(torch.from_numpy((pooled - mean) * scale))
        return torch.cat(parts, dim=1)


class SideBySide(nn.Module):
    """Several towers as one, behind the bases of their sparse sources: unit vectors [B, M W].

    The cosine of two such vectors is the mean of the towers' cosines.

    bases : V s [D, L] of sparse sources. A basis is kept as it is, once for all towers and in half precision like
        features, because multiplied out into M first layers it would be M (H + W) / L times as large.
    """

    def __init__(self, towers: Sequence[Tower], bases: Mapping[str, Floats]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.width = sum(tower.width for tower in towers)
        self.behind = {}  # by source, the name of its basis: names of sources may hold what a buffer's may not
        sources = []
        for place, source in enumerate(towers[0].sources):
            if source.name in bases:
                self.behind[source.name] = f"basis{place}"
                self.register_buffer(f"basis{place}", torch.from_numpy(bases[source.name]).half())
                source = replace(source, width=len(bases[source.name]))
            sources.append(source)
        self.sources = tuple(sources)

    def forward(self, features: SourceBatch) -> Tensor:
        """Return unit vectors."""
        read = dict(features)
        for name, basis in self.behind.items():
            given = features[name]
            seen = torch.where(given.present.unsqueeze(-1), given.pooled, torch.zeros_like(given.pooled))
            read[name] = Features(seen @ self.get_buffer(basis).float(), given.present)
        made = torch.cat([tower(read) for tower in self.towers], dim=-1)
        return made / math.sqrt(len(self.towers))


Towers = Tower | SideBySide


def embed(tower: Towers, tables: Tables, rows: Rows) -> Floats:
    """Unit vectors [n, W] of the given rows by a trained tower, in eval mode."""
    return _embedded(
        tower, lambda some: _features(tower.sources, tables, some), rows, tower.width, ENCODED_AT_ONCE
    )


def _embedded(
    network: nn.Module, read: Callable[[Rows], Any], rows: Rows, width: int, at_once: int
) -> Floats:
    network.eval()
    made = np.zeros((len(rows), width), np.float32)
    with torch.inference_mode():
        for i in range(0, len(rows), at_once):
            some = rows[i : i + at_once]
            made[i : i + len(some)] = network(read(some)).numpy()
    return made


def _features(sources: Sequence[Source], tables: Tables, rows: Rows) -> dict[str, Features[Tensor]]:
    read = {source.name: read_rows(source, tables, rows) for source in sources}
    return {name: Features(*map(torch.from_numpy, arrays)) for name, arrays in read.items()}
