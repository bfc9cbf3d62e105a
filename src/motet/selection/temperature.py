"""Temperature scaling: one number that makes a pattern's probabilities as sure as they deserve to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from motet.runtime.target import Target
from motet.runtime.temperature import fit_temperature

Floats = npt.NDArray[np.floating]


def temperature_of(target: Target, combined: Floats, truth: npt.NDArray[Any]) -> float:
    """The temperature of combined logits of a target; 1 where it has none."""
    if not target.calibrated:
        return 1.0
    logits, labels = target.flat(combined, truth)
    return fit_temperature(logits, labels, target.counts(labels))
