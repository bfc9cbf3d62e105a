"""From cells to chosen heads: encode once, answer every row out of fold, choose for each pattern, fit on all rows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from motet.data import Labels, Schema, Split, Table
from motet.deployment.fused import FusedHeads
from motet.deployment.held_logits import HeldLogits
from motet.deployment.options import Options
from motet.deployment.prepared import Prepared
from motet.deployment.preparing import prepare_rows
from motet.deployment.self_training import Guesses, self_trained
from motet.fusion import FUSIONS
from motet.model import HeadEntry, file_name
from motet.selection import Selection, select
from motet.training import Epoch, Probe


@dataclass
class Fitted:
    """What training hands to writing: encoders, heads by name, the choice, and the record of how."""

    prepared: Prepared
    heads: dict[str, HeadEntry]
    modules: dict[str, Any]  # by head: only those that ship
    selection: Selection
    probes: dict[str, Probe]
    history: dict[str, list[Epoch]]
    record: dict[str, Any]  # how the choice was made, for motet.json
    seconds: dict[str, float] = field(default_factory=dict)
    guesses: Guesses | None = None  # what rows without a label were taken for, where they teach


def fit_heads(table: Table, schema: Schema, found: Labels, split: Split, options: Options) -> Fitted:
    """Fit encoders and heads on the training and validation rows, and choose for each pattern.

    Every candidate answers rows that it was not fitted on (see `prepare_rows`). These answers choose, and give
    temperatures. Then the probes and the chosen fused heads are fitted on all rows.

    Raises TableError where no row to fit on has a modality.
    """
    clock = _Clock()
    limit = math.inf if options.time_limit is None else options.time_limit
    begun = time.monotonic()
    prepared = prepare_rows(table, schema, found, split, options)
    clock.lap("encode")
    guesses = None
    if options.semi_supervised:
        prepared, guesses = self_trained(prepared, balanced=options.balanced, seed=options.seed)
        clock.lap("pseudo-labels")
    probes = prepared.probes()
    heads = {name: HeadEntry(f"heads/{file_name(name)}.onnx", (name,), "unimodal") for name in probes}
    modules: dict[str, Any] = {name: probe.module for name, probe in probes.items()}
    clock.lap("probes")
    fused = prepared.fused(options)
    several = len({source.modality for source in prepared.sources}) > 1
    fusions = [prepared.head_name(fusion) for fusion in (options.fusions if several else ())]
    # The last third is for fitting what is chosen once more, and for writing.
    used = time.monotonic() - begun
    fused.cross_train(fusions, until=begun + used + (limit - used) * 2 / 3)
    dropped = [name for name in fusions if prepared.folds and name not in fused.trained]
    if dropped:
        were = "was" if len(dropped) == 1 else "were"
        prepared.notes.append(
            f"time limit of {limit:g} seconds: {', '.join(dropped)} {were} not tried to the end and could not be chosen"
        )
    heads |= {
        name: HeadEntry(f"heads/{name}.onnx", tuple(probes), name, fused.read_as_tokens(name))
        for name in fusions
        if name not in dropped
    }
    clock.lap("fusions")
    selection = _select(schema, prepared, probes, fused, heads, options)
    clock.lap("select")
    chosen = {member.head for entry in selection.patterns.values() for member in entry.members}
    modules |= fused.fit_whole(sorted(chosen - set(probes)))
    clock.lap("refit")
    believed = 0 if guesses is None else len(guesses.places)
    return Fitted(
        prepared,
        {name: heads[name] for name in modules},
        modules,
        selection,
        probes,
        prepared.encoders.history | {name: trained.history for name, trained in fused.trained.items()},
        {
            "rows": len(prepared.whole.fit) - believed,
            "probe_rows": len(prepared.few) - believed,
            **({"pseudo_labelled": believed} if options.semi_supervised else {}),
            "held_out": [len(fold.held) for fold in prepared.folds],
            "best_epochs": {name: trained.best_epoch for name, trained in fused.trained.items()},
            "epochs": fused.epochs,
        },
        clock.seconds,
        guesses,
    )


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._begun = round(now - self._begun, 3), now


def _select(
    schema: Schema,
    prepared: Prepared,
    probes: Mapping[str, Probe],
    fused: FusedHeads,
    heads: Mapping[str, HeadEntry],
    options: Options,
) -> Selection:
    """Choose on the held rows of the folds, one after the other."""
    modality_of = {source.name: source.modality for source in prepared.sources}
    forced = None if options.forced is None else prepared.head_name(options.forced)
    if options.forced in FUSIONS and forced not in heads:
        forced = None  # what ran out of time cannot answer, however much it was asked for
    return select(
        heads,
        modality_of,
        schema.modalities,
        HeldLogits(prepared, probes, fused),
        {modality: prepared.held_presence(modality) for modality in schema.modalities},
        prepared.held_labels(),
        prepared.prior,
        target=prepared.target,
        forced=forced,
        seed=options.seed,
    )
