"""The encoder of each source, ready to encode, and the engine that runs it on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from motet.data import Cells, ImageCells, TextCells, script_of
from motet.deployment.pooling import ATTENTION
from motet.encoders import Encoder, cache_directory, is_small, save_encoder, small_start, source_name
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_choose import open_encoder
from motet.encoders.torch_engine import choose_engine
from motet.errors import UsageError
from motet.model import SourceEntry, file_name
from motet.training import Epoch
from motet.training.from_scratch import fit_small

Rows = npt.NDArray[np.int64]
ENGINE_ROWS = 32  # training rows that engines are compared on


class SourceOptions(Protocol):
    """What options of every task say about encoders."""

    @property
    def lexical(self) -> bool:
        """Whether `text:lexical` stands beside a neural text encoder."""
        ...

    @property
    def accept_licence(self) -> bool:
        """Whether a licence that forbids commercial use is accepted."""
        ...

    @property
    def seed(self) -> int:
        """Everything random follows from it."""
        ...

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What the user names as encoders of a modality."""
        ...

    def pooling_of(self, modality: str) -> str | None:
        """How a modality's pretrained encoders pool; None for their own convention."""
        ...


@dataclass
class Sources:
    """Encoders by source, what was measured of their engines, and how those learned from scratch went."""

    encoders: dict[str, Encoder] = field(default_factory=dict)
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: dict[str, list[Epoch]] = field(default_factory=dict)

    def write(self, making: Path) -> dict[str, SourceEntry]:
        """Write each encoder into a model directory that is being made; what its manifest says of them."""
        entries = {}
        for name, encoder in self.encoders.items():
            directory = f"encoders/{file_name(name)}"
            save_encoder(encoder, making / directory)
            entries[name] = SourceEntry(
                encoder.modality,
                encoder.name,
                directory,
                encoder.width,
                encoder.licence,
                encoder.fingerprint,
                self.engines[name],
            )
        return entries


def open_sources(
    by_modality: Mapping[str, Cells],
    truth: npt.NDArray[np.int64] | None,
    classes: int,
    train: Rows,
    validation: Rows,
    options: SourceOptions,
    class_weights: npt.NDArray[np.float32] | None,
) -> Sources:
    """Open what the options name for each modality; learn `small` encoders from the training rows.

    truth [N] : class of each row of the table, of which only training and validation rows are looked at; None where
        no class is learned, and so no `small` encoder.
    """
    made = Sources()
    for modality, cells in by_modality.items():
        for name in dict.fromkeys(options.encoders_of(modality)):
            encoder: Encoder
            measured: dict[str, Any] = {"chosen": "numpy"}
            if is_small(name) and truth is not None and isinstance(cells, ImageCells | TextCells):
                directory, epochs = fit_small(
                    modality,
                    cells,
                    truth,
                    train,
                    validation,
                    classes,
                    seed=options.seed,
                    folder=cache_directory() / "encoders",
                    class_weights=class_weights,
                    start=small_start([name]),
                )
                encoder = PretrainedEncoder(directory)
                measured = {"chosen": encoder.engine_name}
                made.history[source_name(encoder)] = epochs
            else:
                script = script_of(cells, train)
                pooling = options.pooling_of(modality)
                encoder = open_encoder(
                    name,
                    modality,
                    accept_licence=options.accept_licence,
                    script=script,
                    pooling=None if pooling == ATTENTION else pooling,
                )
                if isinstance(encoder, PretrainedEncoder):
                    encoder, measured = _fastest(encoder, cells, train)
            if source_name(encoder) in made.encoders:
                raise UsageError(
                    f"two {modality} encoders are called {encoder.name!r}: "
                    + ("only one may be `small`" if is_small(name) else "rename one of the directories")
                )
            made.encoders[source_name(encoder)] = encoder
            made.engines[source_name(encoder)] = measured
        if modality == "text" and options.lexical and "text:lexical" not in made.encoders:
            made.encoders["text:lexical"] = open_encoder("lexical", "text")
            made.engines["text:lexical"] = {"chosen": "numpy"}
    return made


def _fastest(
    encoder: PretrainedEncoder, cells: Cells, train: Rows
) -> tuple[PretrainedEncoder, dict[str, Any]]:
    some = train[cells.present[train]][:ENGINE_ROWS]
    return choose_engine(encoder, lambda: encoder.sample(cells, some))
