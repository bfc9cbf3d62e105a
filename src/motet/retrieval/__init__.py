"""Vectors become search: an index in a folder, filters in words, composed queries. No PyTorch here.

Arrays in, arrays out: this room never knows how a vector was made, only the fingerprint of the model that made it.
"""

from __future__ import annotations

from motet.retrieval.filters import parse_filter
from motet.retrieval.hits import Hits, compose, rerank
from motet.retrieval.index import Index

__all__ = ["Hits", "Index", "compose", "parse_filter", "rerank"]
