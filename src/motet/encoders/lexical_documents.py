"""In how many documents each term stands, and which terms stand in most."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable


class DocumentCounts:
    """In how many documents each term stands, for at most `limit` terms at once.

    Where there are more, the terms of fewest documents are forgotten until half the limit is left (lossy counting:
    Manku & Motwani, "Approximate frequency counts over data streams", 2002). Up to the limit the counts are exact;
    beyond it, that of a term may be short by `short` at most, which only terms of few documents feel. What is
    forgotten follows from the texts and their order alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self.short = 0

    def add(self, terms: Iterable[str]) -> None:
        """Count one document, each of whose terms is given once."""
        self.counts.update(terms)
        if len(self.counts) <= self.limit:
            return
        least = 0
        while len(self.counts) > self.limit // 2:
            least += 1
            self.counts = Counter({term: n for term, n in self.counts.items() if n > least})
        self.short += least

    def most_common(self, number: int) -> dict[str, int]:
        """Documents of the terms in at least two (in one, where there is no other): most first, then by name."""
        least = 2 if any(count > 1 for count in self.counts.values()) else 1
        kept = ((-count, term) for term, count in self.counts.items() if count >= least)
        return {term: -count for count, term in heapq.nsmallest(number, kept)}
