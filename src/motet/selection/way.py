"""A way to answer one pattern: which heads, by which rule, and how their weights are learned from held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.model import Member

Floats = npt.NDArray[np.floating]
Truth = npt.NDArray[Any]
Logits = Mapping[str, Floats]  # of each head: [n, C]
Learn = Callable[[Logits, Truth], tuple[Member, ...]]
SINGLE, FUSED, COMBINED = "single", "fused", "combined"


@dataclass(frozen=True)
class Way:
    """A candidate: `learn(logits, labels)` gives its members, with weights and temperatures, from some rows.

    kind : `single` where it reads one modality, `fused` where one head reads several, else `combined`. heads : those
    that may be members.
    """

    name: str
    kind: str
    rule: str
    heads: tuple[str, ...]
    learn: Learn


@dataclass(frozen=True)
class Expert:
    """What answers best for one modality by itself: heads whose product it is."""

    name: str
    heads: tuple[str, ...]
