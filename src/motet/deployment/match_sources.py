"""Pictures and sentences as features, each encoded once; and `small` encoders, which are learned with the space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from motet.data import ImageCells, Pairs, Schema, Table, TextCells
from motet.data.scripts import SAMPLE, script_of_words
from motet.data.splits import TRAIN, VALIDATION
from motet.deployment.match_options import MatchOptions
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
from motet.encoders.lexical import LexicalEncoder
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_small import write_encoder
from motet.training.match_side import LiveSource
from motet.training.pairs import PairFeatures
from motet.training.small import SmallSettings, make_small

Rows = npt.NDArray[np.int64]
SCRIPT_SHARE = 0.05


@dataclass(frozen=True)
class MatchCells:
    """Cells of both modalities, and which row of them has each of P pictures, or S sentences."""

    cells: Mapping[str, ImageCells | TextCells]
    rows: Mapping[str, Rows]
    pairs: Pairs

    @classmethod
    def of(cls, table: Table, schema: Schema, pairs: Pairs) -> MatchCells:
        """The pictures of a table, and the sentences of its pairs."""
        cells: Mapping[str, ImageCells | TextCells] = {
            "image": ImageCells(table, schema.inputs("image")),
            "text": pairs.sentences,
        }
        return cls(cells, {"image": pairs.rows, "text": np.arange(len(pairs.picture))}, pairs)

    def on(self, modality: str, sides: npt.NDArray[np.int8], side: int) -> Rows:
        """Numbers of the pictures, or of the sentences, on a side: sides [P]."""
        return np.flatnonzero((sides if modality == "image" else sides[self.pairs.picture]) == side)


def encode_pairs(
    given: MatchCells, sides: npt.NDArray[np.int8], options: MatchOptions
) -> tuple[Sources, PairFeatures]:
    """Encode each picture and each sentence once; what learns from words learns from training sentences.

    `small` encoders are left out: `live_sources` makes them.
    """
    cache = FeatureCache() if options.cache else None
    opened = Sources()
    ready = replace(
        options,
        image_encoders=tuple(name for name in options.image_encoders if not is_small(name)),
        text_encoders=tuple(name for name in options.text_encoders if not is_small(name)),
    )
    fit = {modality: given.rows[modality][given.on(modality, sides, TRAIN)] for modality in given.cells}
    for modality, cells in given.cells.items():
        found = open_sources({modality: cells}, None, 0, fit[modality], fit[modality][:0], ready, None)
        opened.encoders.update(found.encoders)
        opened.engines.update(found.engines)
    for encoder in opened.encoders.values():
        if isinstance(encoder, PretrainedEncoder):
            encoder.open_early(cache)
    made: dict[str, dict[str, FeatureTable]] = {"image": {}, "text": {}}
    for name, encoder in opened.encoders.items():
        modality = encoder.modality
        if isinstance(encoder, LexicalEncoder):
            # Each script gets as many terms as it would alone: else one language takes the room of the other.
            scripts = max(1, len(scripts_of(given.pairs.sentences, fit[modality])))
            encoder.words, encoder.characters = scripts * encoder.words, scripts * encoder.characters
        encoder.fit(given.cells[modality], fit[modality])
        made[modality][name] = features_of(
            encoder, given.cells[modality], given.rows[modality], cache=cache, tokens=options.local
        )
    return opened, PairFeatures(made["image"], made["text"], given.pairs.picture, given.pairs.same)


def scripts_of(sentences: TextCells, rows: Rows) -> set[str]:
    """The scripts that at least a twentieth of the given sentences are in, told from an even sample of them."""
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(np.int64))]
    found = Counter(script_of_words(text) or "other" for text in sentences.take(sample))
    return {script for script, count in found.items() if count >= SCRIPT_SHARE * len(sample)}


def live_sources(
    given: MatchCells, sides: npt.NDArray[np.int8], options: MatchOptions
) -> dict[str, LiveSource]:
    """The `small` encoder of each modality that has one, to be learned: a tokenizer, and first weights."""
    made = {}
    for modality, cells in given.cells.items():
        if any(map(is_small, options.encoders_of(modality))):
            start = small_start(options.encoders_of(modality))
            rows = given.rows[modality]
            train, held = (rows[given.on(modality, sides, side)] for side in (TRAIN, VALIDATION))
            with torch.random.fork_rng():
                torch.manual_seed(options.seed)
                random = np.random.default_rng(options.seed)
                small = make_small(modality, cells, train, held, SmallSettings(), random, start=start)
            made[modality] = LiveSource(f"{modality}:{FROM_SCRATCH}", small, rows)
    return made


def readable(live: Mapping[str, LiveSource], sides: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Which of P pictures a `small` encoder that will learn from them can read, as far as that is known."""
    there = np.ones(len(sides), bool)
    if "image" in live:
        source = live["image"]
        asked = np.flatnonzero((sides == TRAIN) | (sides == VALIDATION))
        there[asked] = np.isin(source.at[asked], source.small.readable(source.at[asked]))
    return there


def finish(
    live: Mapping[str, LiveSource],
    given: MatchCells,
    opened: Sources,
    features: PairFeatures,
    options: MatchOptions,
) -> PairFeatures:
    """Make encoders like any others of learned `small` ones, in place of `opened`; features with theirs beside."""
    made = {"image": dict(features.images), "text": dict(features.texts)}
    for modality, source in live.items():
        directory = write_encoder(
            source.small.network, source.small.preprocessor, cache_directory() / "encoders"
        )
        encoder = PretrainedEncoder(directory)
        opened.encoders[source.name] = encoder
        opened.engines[source.name] = {"chosen": encoder.engine_name}
        cache = FeatureCache() if options.cache else None
        made[modality][source.name] = encoder.encode(given.cells[modality], source.at, cache=cache)
    return replace(features, images=made["image"], texts=made["text"])
