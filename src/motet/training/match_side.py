"""One side of a space, pictures or words: its sources as towers read them, and the vectors that towers make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion import Source, SourceBatch
from motet.tasks.match import Tower
from motet.training.batches import read_rows
from motet.training.designs import standardisation
from motet.training.latent import Bases, to_latent
from motet.training.match_settings import MatchSettings
from motet.training.pairs import Rows, Tables

Floats = npt.NDArray[np.float32]
ENCODED_AT_ONCE = 4096
# Of sparse words: sentences are short and many, and their rare words say which picture is meant.
LATENT_DIMENSIONS, LATENT_ROWS = 512, 30_000


@dataclass(frozen=True)
class MatchSide:
    """The sources of one side as they are trained on: dense, and standardised by the training rows."""

    sources: tuple[Source, ...]
    tables: Tables
    bases: Bases
    moments: Mapping[str, tuple[Floats, Floats]]
    settings: MatchSettings

    @classmethod
    def of(cls, modality: str, given: Tables, rows: Rows, settings: MatchSettings) -> MatchSide:
        """Sparse sources in few dimensions, all with the moments of `rows`."""
        latent = to_latent(
            given, rows, seed=settings.seed, dimensions=LATENT_DIMENSIONS, most_rows=LATENT_ROWS
        )
        sources = tuple(Source(name, modality, table.width) for name, table in latent.tables.items())
        moments = {name: standardisation(table, rows) for name, table in latent.tables.items()}
        return cls(sources, latent.tables, latent.bases, moments, settings)

    def tower(self, settings: MatchSettings) -> Tower:
        """A new tower over the sources."""
        made = Tower(
            self.sources,
            settings.width,
            hidden=settings.hidden,
            dropout=settings.dropout,
            inputs=settings.inputs,
            aligned=settings.aligned,
        )
        if not settings.aligned:  # an aligned encoder's vectors are compared as they are
            self.standardise(made)
        return made

    def standardise(self, tower: Tower) -> None:
        """Let a tower standardise its sources by the moments of the training rows."""
        for source, linear in zip(self.sources, tower.linears, strict=True):
            mean, scale = self.moments[source.name]
            linear.standardise(torch.from_numpy(mean), torch.from_numpy(scale))

    def read(self, rows: Rows) -> dict[str, Features[Tensor]]:
        """Features of the given rows, as a tower reads them."""
        return _features(self.sources, self.tables, rows)

    def matrix(self, rows: Rows) -> Tensor:
        """All sources of the given rows, standardised, side by side: [n, sum of D]."""
        parts = []
        for source in self.sources:
            mean, scale = self.moments[source.name]
            pooled, _ = read_rows(source, self.tables, rows)
            parts.append(torch.from_numpy((pooled - mean) * scale))
        return torch.cat(parts, dim=1)


class SideBySide(nn.Module):
    """Several towers as one: vectors [B, M W] whose cosine is the mean of the towers' cosines."""

    def __init__(self, towers: Sequence[Tower]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.sources = towers[0].sources
        self.width = sum(tower.width for tower in towers)

    def forward(self, features: SourceBatch) -> Tensor:
        """Return unit vectors."""
        made = torch.cat([tower(features) for tower in self.towers], dim=-1)
        return made / math.sqrt(len(self.towers))


Towers = Tower | SideBySide


def embed(tower: Towers, tables: Tables, rows: Rows) -> Floats:
    """Unit vectors [n, W] of the given rows, in eval mode."""
    tower.eval()
    made = np.zeros((len(rows), tower.width), np.float32)
    with torch.inference_mode():
        for i in range(0, len(rows), ENCODED_AT_ONCE):
            some = rows[i : i + ENCODED_AT_ONCE]
            made[i : i + len(some)] = tower(_features(tower.sources, tables, some)).numpy()
    return made


def _features(sources: Sequence[Source], tables: Tables, rows: Rows) -> dict[str, Features[Tensor]]:
    read = {source.name: read_rows(source, tables, rows) for source in sources}
    return {name: Features(*map(torch.from_numpy, arrays)) for name, arrays in read.items()}
