"""Many small additions leave few segments, right answers and the same row numbers, at a bounded price."""

from __future__ import annotations

import itertools
import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_vectors import MODEL, described, names, unit

from motet.retrieval import Index, index, segment
from motet.retrieval.merging import segments_to_merge
from motet.retrieval.state import SegmentEntry


def entry(rows: int, probes: int = 0) -> SegmentEntry:
    return SegmentEntry(1, rows, probes, None, ())


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(1, 50))
def test_segments_are_few_and_each_row_is_written_seldom(added, start):
    """Sizes at least halve, so that N rows make at most 1 + log2 N segments; and a row that is written again comes into
    a segment at least 1.5 times as large, so at most log1.5 N times (once more for what has no rows)."""
    sizes, written = [start], {0: 1}
    for rows in added:
        merged = segments_to_merge([entry(size) for size in sizes], rows, 16)
        new = sum(sizes[len(sizes) - merged :]) + rows
        begin = sum(sizes) + rows - new
        sizes = [*sizes[: len(sizes) - merged], new]
        for row in range(begin, begin + new):
            written[row] = written.get(row, 0) + 1
        assert all(after * 2 < before or after == 0 for before, after in itertools.pairwise(sizes))
    total = max(sum(sizes), 2)
    assert len(sizes) <= 2 + math.log2(total)
    assert max(written.values()) <= 2 + math.log(total, 1.5)


def test_what_is_searched_approximately_or_would_be_is_left(monkeypatch):
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 1600)  # 100 rows of width 16
    assert segments_to_merge([entry(30), entry(20, probes=3)], 20, 16) == 0
    assert segments_to_merge([entry(20, probes=3), entry(20)], 20, 16) == 1
    assert segments_to_merge([entry(60), entry(20)], 21, 16) == 1  # 101 rows
    assert segments_to_merge([entry(60), entry(20)], 20, 16) == 2


def test_four_hundred_additions_of_one_row(small, monkeypatch):
    written = []
    whole = index.write_segment

    def counting(place, number, content, **options):
        written.append(len(content.records))
        return whole(place, number, content, **options)

    monkeypatch.setattr(index, "write_segment", counting)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing is killed here, and it takes most of the time
    pool = unit(400, seed=8)
    small.remove(["货7"])
    for row in range(400):
        small.add(pool[row : row + 1], names(1, 100 + row), described(1, 100 + row))
        if row == 200:
            small.remove(["货150"])
    assert len(small.segments) <= 9  # 1 + log2 440
    assert len([*small.place.glob("segment-*")]) <= 2 * 9
    assert sum(written) <= 400 * (1 + math.log(440, 1.5))
    vectors = np.concatenate([unit(40), pool])
    left = np.delete(np.arange(440), [7, 40 + 50])
    queries = unit(5, seed=9)
    for opened in (small, Index.open(small.place, model=MODEL)):
        opened.verify()
        hits = opened.search(queries, 10)
        expected = left[np.argsort(-(queries @ vectors[left].T), axis=1)[:, :10]]
        assert hits.rows.tolist() == expected.tolist()  # rows kept their numbers
        assert hits.ids == [[f"货{row if row < 40 else row + 60}" for row in rows] for rows in expected]
        assert opened.metadata(expected[0])["price"].to_pylist() == [float(i[1:]) for i in hits.ids[0]]


def test_a_reader_goes_on_while_segments_are_merged(small):
    reader = Index.open(small.place)
    before = reader.search(unit(3, seed=1), 100)
    for row in range(5):
        small.add(unit(30, seed=row), names(30, 100 + 30 * row), described(30))
    assert len(small.segments) == 2  # 40 and 30 became one of 70, and 30 + 30 came to it; then 30
    after = reader.search(unit(3, seed=1), 100)
    assert after.ids == before.ids and (after.scores == before.scores).all()


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_vectors_are_the_same_bits_after_a_merge(tmp_path, storage):
    made = Index.create(tmp_path / "index", unit(10), names(10), described(10), model=MODEL, storage=storage)
    before = made.vector("货3")
    made.add(unit(10, seed=1), names(10, 10), described(10))
    assert len(made.segments) == 1
    assert (made.vector("货3") == before).all()
