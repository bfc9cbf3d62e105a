"""Fusion strategies by name: to add one, write its file and its line here."""

from __future__ import annotations

from motet.fusion.attention import SourceAttention
from motet.fusion.bilinear import Bilinear
from motet.fusion.bottleneck import Bottleneck
from motet.fusion.coattention import Coattention
from motet.fusion.concat import Concat
from motet.fusion.contract import Fusion
from motet.fusion.early import Early
from motet.fusion.film import Film
from motet.fusion.gated import Gated
from motet.fusion.graph import Graph
from motet.fusion.hybrid import Hybrid
from motet.fusion.sum import Sum
from motet.fusion.tensor import TensorFusion
from motet.fusion.transformer import Transformer

FUSIONS: dict[str, type[Fusion]] = {
    "concat": Concat,
    "gated": Gated,
    "sum": Sum,
    "attention": SourceAttention,
    "film": Film,
    "bilinear": Bilinear,
    "tensor": TensorFusion,
    "coattention": Coattention,
    "transformer": Transformer,
    "bottleneck": Bottleneck,
    "graph": Graph,
    "early": Early,
    "hybrid": Hybrid,
}
DEFAULT_FUSIONS = ("concat", "gated", "transformer")  # what selection considers unless one is named
ON_TOKENS = "-tokens"  # ends the name of a head whose strategy is given tokens


def strategy_of(head: str) -> tuple[type[Fusion], bool]:
    """The strategy of a fused head by its name, and whether it is given tokens."""
    name = head.removesuffix(ON_TOKENS)
    return FUSIONS[name], name != head


def on_tokens(fusion: str) -> str:
    """The name of a strategy's head that is given tokens; of one that does not read them, its own name."""
    return fusion + ON_TOKENS if FUSIONS[fusion].reads_tokens else fusion
