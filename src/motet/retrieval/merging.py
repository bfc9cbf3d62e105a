"""Which small segments an `add` writes again together with its rows, so that many small ones never stay.

Sizes of segments that are searched exactly fall by at least half from each to the next, as in a log-structured merge
tree (O'Neil et al. 1996): N rows that come one by one make at most log2 N segments, and since a row that is written
again goes into a segment at least half as large again, each is written O(log N) times. Only neighbours are merged, in
their order and with what was removed, so that rows keep their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from motet.retrieval.segment import searched_exactly
from motet.retrieval.state import SegmentEntry

RATIO = 2  # a segment stays where it has more than so many times the rows that come after it


def segments_to_merge(segments: Sequence[SegmentEntry], rows: int, width: int) -> int:
    """How many of the last segments become one with so many new rows; one that is searched exactly, as they were."""
    merged = 0
    for one in reversed(segments):
        if one.probes or one.rows > RATIO * rows or not searched_exactly(one.rows + rows, width):
            break
        rows += one.rows
        merged += 1
    return merged
