"""Pictures and questions as what answering reads: tokens of encoders that are there, and encoders to be learned."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from motet.data import CellIssue, Cells, ImageCells, Split, TextCells
from motet.data.questions import DistinctCells
from motet.data.table import MAX_LISTED
from motet.deployment.answer_options import AnswerOptions
from motet.deployment.sources import Sources, open_sources
from motet.encoders import (
    FROM_SCRATCH,
    FeatureCache,
    FeatureTable,
    cache_directory,
    features_of,
    is_small,
    small_start,
)
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_small import write_encoder
from motet.encoders.torch_small_vision import VisionConfig
from motet.errors import MediaError
from motet.fusion import Source
from motet.training.answer_sources import AskedSource
from motet.training.designs import standardisation
from motet.training.latent import Bases, to_latent
from motet.training.small import make_small

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
SIDES = 64  # pictures whose size is looked at


@dataclass(frozen=True)
class AskedSources:
    """Encoders, the sources that heads are trained on, what made kept features small, and moments of pooled ones."""

    opened: Sources
    sources: list[AskedSource]
    bases: Bases
    moments: Mapping[str, tuple[Floats, Floats]]

    def decoded(self, modality: str, rows: Rows) -> Bools:
        """Which of the given rows have a modality, as far as is known now: some cells are first read in training."""
        have: Bools = np.any(
            [one.present(rows) for one in self.sources if one.source.modality == modality], axis=0
        )
        return have


def ask_sources(
    by_modality: Mapping[str, Cells],
    distinct: Mapping[str, DistinctCells],
    split: Split,
    options: AnswerOptions,
) -> AskedSources:
    """Open or begin the encoders of each modality; every different cell is encoded once."""
    opened, asked = Sources(), []
    tables: dict[str, FeatureTable] = {}
    used = np.concatenate([split.train, split.validation])
    for modality, cells in by_modality.items():
        assert isinstance(cells, ImageCells | TextCells)
        mine = distinct[modality]
        if any(map(is_small, options.encoders_of(modality))):
            start = small_start(options.encoders_of(modality))
            train, held = _cells_of(mine, split.train), _cells_of(mine, split.validation)
            with torch.random.fork_rng():
                torch.manual_seed(options.seed)
                random = np.random.default_rng(options.seed)
                settings = options.training.small
                if isinstance(cells, ImageCells):
                    settings = replace(
                        settings, vision=not_enlarged(settings.vision, cells, mine.rows[train])
                    )
                small = make_small(
                    modality, cells, mine.rows[train], mine.rows[held], settings, random, start=start
                )
            name = f"{modality}:{FROM_SCRATCH}"
            source = Source(name, modality, small.network.width, read="tokens")
            asked.append(AskedSource(source, mine.number, small=small, at=mine.rows))
        for name, table in _kept(
            modality, cells, mine, _cells_of(mine, used), split, opened, options
        ).items():
            tables[name] = table
            source = Source(name, modality, table.width, "pooled" if table.tokens is None else "tokens")
            asked.append(AskedSource(source, mine.number))
    fit = {m: _cells_of(mine, split.train) for m, mine in distinct.items()}
    bases: dict[str, object] = {}
    moments = {}
    ready = []
    for one in asked:
        name, modality = one.source.name, one.source.modality
        if name in tables:
            latent = to_latent({name: tables[name]}, fit[modality], seed=options.seed)
            bases |= latent.bases
            table = latent.tables[name]
            width = table.width if table.tokens is None else table.tokens.width
            if table.tokens is None:
                moments[name] = standardisation(table, fit[modality])
            one = replace(one, source=replace(one.source, width=width), table=table)
        ready.append(one)
    return AskedSources(opened, ready, bases, moments)  # type: ignore[arg-type]


def with_learned(asked: AskedSources) -> Sources:
    """The encoders that were opened, and those that were learned, written as any other is."""
    encoders, engines = dict(asked.opened.encoders), dict(asked.opened.engines)
    for one in asked.sources:
        if one.small is not None:
            small = one.small
            directory = write_encoder(small.network, small.preprocessor, cache_directory() / "encoders")
            encoder = PretrainedEncoder(directory)
            encoders[one.source.name] = encoder
            engines[one.source.name] = {"chosen": encoder.engine_name}
    return replace(asked.opened, encoders=encoders, engines=engines)


def broken_pictures(opened: Sources, cells: Cells, rows: Rows, seen: Bools) -> tuple[CellIssue, ...]:
    """What is wrong with the pictures of some rows that have one, but of which `seen` [n] says that none was read."""
    lost = rows[cells.present[rows] & ~seen][:MAX_LISTED]
    encoder = next(one for one in opened.encoders.values() if one.modality == "image")
    return encoder.encode(cells, lost).issues if len(lost) else ()


def not_enlarged(vision: VisionConfig, cells: ImageCells, rows: Rows) -> VisionConfig:
    """The network with a side that is the usual longer side of training pictures, where these are smaller.

    A picture that is enlarged says nothing more, and costs more with each pixel. But the last map keeps more than one
    cell: batch norm has no deviation of one cell of a batch's only picture.
    """
    sides = []
    for cell in (cell for row in cells.take(rows[:: max(1, len(rows) // SIDES)]) for cell in row):
        with contextlib.suppress(MediaError):  # what cannot be read is told where it is encoded
            sides.append(max(cell.picture(cell.read()).size))
    longer = int(np.median(sides)) if sides else vision.side
    least = 2 ** len(vision.widths) + 1
    return replace(vision, side=min(vision.side, -(-max(least, longer) // 16) * 16))


def _kept(
    modality: str,
    cells: ImageCells | TextCells,
    mine: DistinctCells,
    used: Rows,
    split: Split,
    opened: Sources,
    options: AnswerOptions,
) -> dict[str, FeatureTable]:
    """Features of the different cells by encoders that are not learned here, with tokens where these make them."""
    named = tuple(name for name in options.encoders_of(modality) if not is_small(name))
    if not named:
        return {}
    ready = (
        replace(options, image_encoders=named)
        if modality == "image"
        else replace(options, text_encoders=named)
    )
    train = mine.rows[_cells_of(mine, split.train)]
    found = open_sources({modality: cells}, None, 0, train, train[:0], ready, None)
    opened.encoders.update(found.encoders)
    opened.engines.update(found.engines)
    cache = FeatureCache() if options.cache else None
    made = {}
    for name, encoder in found.encoders.items():
        if isinstance(encoder, PretrainedEncoder):
            encoder.open_early(cache)
        encoder.fit(cells, train)
        table = features_of(encoder, cells, mine.rows[used], cache=cache, tokens=True)
        made[name] = _at(table, used, len(mine.rows))
    return made


def _cells_of(mine: DistinctCells, rows: Rows) -> Rows:
    """Numbers of the different cells that some rows have."""
    number = np.unique(mine.number[rows])
    return number[number >= 0]


def _at(table: FeatureTable, used: Rows, cells: int) -> FeatureTable:
    """Features of some cells as those of all; the others, which test rows alone have, count as absent."""
    place = np.zeros(cells, np.int64)
    place[used] = np.arange(len(used))
    present = np.zeros(cells, bool)
    present[used] = table.present
    return replace(table.part(place), present=present, issues=table.issues)
