"""Rows become features: embedded encoders, pretrained ones as ONNX graphs, and the cache that encodes each cell once.

Files named `torch_*` belong to the learning wing: nothing here imports them at its top.
"""

from __future__ import annotations

from motet.encoders.cache import FeatureCache, cache_directory
from motet.encoders.encoder import Encoder, TokenEncoder, features_of, source_name, token_features
from motet.encoders.features import ArrayRows, Features, FeatureTable, PooledRows
from motet.encoders.registry import (
    EMBEDDED,
    FROM_SCRATCH,
    embedded,
    is_small,
    load_encoder,
    recommended,
    save_encoder,
    small_start,
)
from motet.encoders.sparse import SparseRows
from motet.encoders.tokens import TokenRows

__all__ = [
    "EMBEDDED",
    "FROM_SCRATCH",
    "ArrayRows",
    "Encoder",
    "FeatureCache",
    "FeatureTable",
    "Features",
    "PooledRows",
    "SparseRows",
    "TokenEncoder",
    "TokenRows",
    "cache_directory",
    "embedded",
    "features_of",
    "is_small",
    "load_encoder",
    "recommended",
    "save_encoder",
    "small_start",
    "source_name",
    "token_features",
]
