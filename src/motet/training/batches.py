"""Rows of one or several folds as what heads read: features, presence with some modalities hidden, tokens padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.fusion import Source
from motet.tasks import Objective
from motet.training.folds import Fold, Tables
from motet.training.stacked import Batch

Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
TOKEN_ROWS = 96  # at a time where tokens are read: each row is a hundred vectors


def read_rows(source: Source, tables: Tables, rows: Rows) -> tuple[npt.NDArray[Any], ...]:
    """Pooled [n, D] of a source, filled with zeros up to its width, and present [n].

    Of a source whose tokens are read: pooled, present, tokens [n, T, D] and mask [n, T].
    """
    table = tables[source.name]
    pooled = table.rows.dense(rows)
    if source.read != "pooled":
        assert table.tokens is not None
        return pooled, table.present[rows], *table.tokens.dense(rows)
    lacking = source.width - pooled.shape[1]
    return (np.pad(pooled, ((0, 0), (0, lacking))) if lacking else pooled), table.present[rows]


def width_of(source: Source, tables: Tables) -> int:
    """D of what is read."""
    table = tables[source.name]
    if source.read == "pooled":
        return table.width
    assert table.tokens is not None
    return table.tokens.width


def shown_modalities(
    present: Bools, rates: float | npt.NDArray[np.floating], order: np.random.Generator
) -> Bools:
    """Of the modalities that rows have [..., M], those not hidden: each is with its chance [M], but never all."""
    hidden = order.random(present.shape) < rates
    emptied = present.any(axis=-1) & ~(present & ~hidden).any(axis=-1)
    hidden[emptied] = False
    return present & ~hidden


def read_batch(
    sources: Sequence[Source],
    folds: Sequence[Fold],
    chosen: Sequence[Rows],
    objective: Objective,
    members: int,
    hide: npt.NDArray[np.floating],
    order: np.random.Generator,
    device: torch.device,
) -> tuple[dict[str, tuple[Tensor, ...]], Tensor, Tensor]:
    """The chosen rows of each fold, modalities hidden with the chances [M], for each member of each fold: [G, B, D],
    [G, B]; what is wanted of them [G, B, O], and their weights [G, B]."""
    read = {
        source.name: [read_rows(source, fold.tables, rows) for fold, rows in zip(folds, chosen, strict=True)]
        for source in sources
    }
    present = {name: np.stack([one[1] for one in each]) for name, each in read.items()}  # [K, B]
    modalities = list(dict.fromkeys(source.modality for source in sources))
    of = {m: [s.name for s in sources if s.modality == m] for m in modalities}
    have = np.stack([np.any([present[name] for name in of[m]], axis=0) for m in modalities], axis=-1)
    shown = shown_modalities(have, hide, order)

    def for_members(values: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.repeat(values, members, axis=0)).to(device)

    batch = {
        source.name: (
            for_members(np.stack([one[0] for one in read[source.name]])),
            for_members(present[source.name] & shown[..., modalities.index(source.modality)]),
            *(
                for_members(_of_one_length(each))
                for each in zip(*(one[2:] for one in read[source.name]), strict=True)
            ),
        )
        for source in sources
    }
    wanted = np.stack(
        [objective.wanted(fold.labels[rows]).numpy() for fold, rows in zip(folds, chosen, strict=True)]
    )
    weights = np.stack([fold.weights_of(rows) for fold, rows in zip(folds, chosen, strict=True)])
    return batch, for_members(wanted), for_members(weights)


def only(modality: str, batch: Batch, sources: Sequence[Source]) -> tuple[Batch, Tensor]:
    """The same batch with every other modality hidden, and which rows [G, B] still show something."""
    of = {source.name: source.modality for source in sources}
    alone = {
        name: (pooled, present if of[name] == modality else torch.zeros_like(present), *tokens)
        for name, (pooled, present, *tokens) in batch.items()
    }
    return alone, torch.stack([present for _, present, *_ in alone.values()]).any(dim=0)


def _of_one_length(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Arrays [B, T, ...] of different T, filled with zeros to the longest: [K, B, T, ...]."""
    longest = max(array.shape[1] for array in arrays)
    rest = ((0, 0),) * (arrays[0].ndim - 2)
    return np.stack([np.pad(a, ((0, 0), (0, longest - a.shape[1]), *rest)) for a in arrays])
