"""Fusion strategies by name: to add one, write its file and its line here."""

from __future__ import annotations

from motet.fusion.concat import Concat
from motet.fusion.contract import Fusion
from motet.fusion.gated import Gated
from motet.fusion.transformer import Transformer

FUSIONS: dict[str, type[Fusion]] = {
    "concat": Concat,
    "gated": Gated,
    "transformer": Transformer,
}
DEFAULT_FUSIONS = ("concat", "gated", "transformer")  # what selection considers unless one is named
