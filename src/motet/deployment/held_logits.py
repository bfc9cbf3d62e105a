"""What heads answer to the rows that they never saw, asked for again and again and computed once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from motet.deployment.fused import FusedHeads
from motet.deployment.prepared import Prepared
from motet.training import Probe

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


class HeldLogits:
    """Logits of heads on the held rows of all folds, one fold after the other."""

    def __init__(self, prepared: Prepared, probes: Mapping[str, Probe], fused: FusedHeads) -> None:
        self._classes = prepared.target.outputs
        self._modalities = frozenset(source.modality for source in prepared.sources)
        self._probes, self._fused = probes, fused
        self._known: dict[tuple[str, frozenset[str]], Floats] = {}

    def __call__(self, head: str, shown: frozenset[str], rows: Rows) -> Floats:
        """Logits [n, C] of a head on some of these rows [n], of modalities that it reads only those `shown`."""
        key = (head, frozenset() if head in self._probes else shown & self._modalities)
        if key not in self._known:
            probe = self._probes.get(head)
            held = self._fused.held_logits(*key) if probe is None else probe.held_logits
            self._known[key] = np.concatenate(held) if held else np.zeros((0, self._classes))
        return self._known[key][rows]
