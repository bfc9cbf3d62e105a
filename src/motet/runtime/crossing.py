"""Rows that nobody has: one part of the modalities from one row, the rest from another, answered by the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from motet.data import pattern_name
from motet.runtime.combination import tempered

if TYPE_CHECKING:
    from motet.runtime.model import EncodedRows, Model

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]


class CrossedRows:
    """Pairs of rows [N] that have every modality of `encoded`; `part` is taken from the first of a pair.

    A head that reads one part alone answers each row once, however many pairs it is in.
    """

    def __init__(self, model: Model, encoded: EncodedRows, part: frozenset[str]) -> None:
        self.model, self.encoded, self.part = model, encoded, part
        self.entry = model.manifest.patterns[pattern_name(encoded.present)]
        self._alone: dict[str, tuple[Floats, bool]] = {}  # logits [N, C], and whether it reads the first part
        everyone = np.arange(len(encoded))
        for name in {member.head for member in self.entry.members}:
            first = {self._of_first(source) for source in model.head(name).sources}
            if len(first) == 1:
                shown = dict.fromkeys(model.head(name).sources, True)
                self._alone[name] = model.head(name).run(encoded.tables, everyone, shown), first.pop()

    @property
    def width(self) -> int:
        """How many numbers the heads read, and write, for each pair."""
        asked = {member.head for member in self.entry.members} - set(self._alone)
        widths = [
            self.model.manifest.sources[s].width for name in asked for s in self.model.head(name).sources
        ]
        return sum(widths) + self.model.target.outputs * len(self.entry.members)

    def outputs(self, first: Rows, second: Rows) -> Floats:
        """What the pairs (first[i], second[i]) get before it becomes an answer: log-probabilities [n, C], deviations
        [n, 1], or of labels the log-probabilities of no and yes [n, L, 2]."""
        tables = {
            name: table.part(first if self._of_first(name) else second)
            for name, table in self.encoded.tables.items()
        }
        logits = []
        for member in self.entry.members:
            if member.head in self._alone:
                alone, of_first = self._alone[member.head]
                logits.append(alone[first if of_first else second])
            else:
                head = self.model.head(member.head)
                logits.append(head.run(tables, np.arange(len(first)), dict.fromkeys(head.sources, True)))
        target = self.model.target
        return target.normal(tempered(self.entry, target.spread(np.stack(logits))))

    def _of_first(self, source: str) -> bool:
        return self.model.manifest.sources[source].modality in self.part
