"""Held-out answers become a choice for each pattern, with its weights and temperature."""

from __future__ import annotations

from motet.runtime.temperature import fit_temperature
from motet.selection.by_pattern import Candidate, Selection, crossed, crossed_judged, halves_of, select
from motet.selection.temperature import temperature_of

__all__ = [
    "Candidate",
    "Selection",
    "crossed",
    "crossed_judged",
    "fit_temperature",
    "halves_of",
    "select",
    "temperature_of",
]
