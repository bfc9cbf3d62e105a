"""Tokens: what a network makes of each position is kept ragged, and comes back padded and masked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders import FeatureTable, segments
from motet.encoders.cache import FeatureCache, Shelf
from motet.encoders.kept import PooledKept, TokensKept
from motet.encoders.segments import KEY_BYTES
from motet.encoders.tokens import MOST_OF_A_ROW, MOST_TOKENS, ShelfTokens, bounded

WIDTH = 3


def keys_of(*numbers: int) -> npt.NDArray[np.uint8]:
    whole = b"".join(int(n).to_bytes(KEY_BYTES, "little") for n in numbers)
    return np.frombuffer(whole, np.uint8).reshape(-1, KEY_BYTES)


def cell(number: int, length: int, width: int = WIDTH) -> npt.NDArray[np.float32]:
    """Position t of cell n is n + t / 8, and one more for each feature: float16 holds them exactly."""
    return number + np.arange(length)[:, None] / 8 + np.arange(width, dtype=np.float32)


def test_ragged_cells_come_back_in_memory_from_disk_and_merged(tmp_path: Path) -> None:
    lengths = {n: (n * 7) % 5 for n in range(80)}  # 0 to 4 positions, some cells none
    shelf = Shelf(tmp_path / "one", WIDTH, tokens=True)
    for n, length in lengths.items():
        shelf.add(keys_of(n), [cell(n, length)])
    opened = Shelf(tmp_path / "one", WIDTH, tokens=True)  # merges small segments
    assert len(list((tmp_path / "one").glob("*.arrow"))) <= segments.SMALL_SEGMENTS
    for each in (shelf, opened):
        order = list(reversed(lengths))
        found = each.find(keys_of(*order, 999))
        assert found.found.tolist() == [True] * 80 + [False]
        *read, absent = each.take_tokens(found)
        assert absent.shape == (0, WIDTH)
        for n, tokens in zip(order, read, strict=True):
            np.testing.assert_array_equal(tokens, cell(n, lengths[n]))


def test_a_file_of_another_kind_or_width_is_not_read(tmp_path: Path) -> None:
    Shelf(tmp_path / "one", WIDTH, tokens=True).add(keys_of(1), [cell(1, 2)])
    assert len(Shelf(tmp_path / "one", WIDTH, tokens=True)) == 1
    assert len(Shelf(tmp_path / "one", WIDTH)) == len(Shelf(tmp_path / "one", WIDTH + 1, tokens=True)) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=8), st.data())
def test_rows_are_their_cells_joined_padded_and_masked(rows: list[list[int]], data: st.DataObject) -> None:
    """Against joining cell by cell; a cell is named by its length, 0 to 4 positions."""
    shelf = Shelf(None, WIDTH, tokens=True)
    shelf.add(keys_of(*range(5)), [cell(n, n) for n in range(5)])
    counts = np.array([len(row) for row in rows])
    places = shelf.find(keys_of(*(n for row in rows for n in row)))
    made = ShelfTokens(shelf, places, np.cumsum(counts) - counts, counts)
    asked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6))
    some = made.part(np.array(asked, np.int64))
    for tokens, mask in (made.dense(np.array(asked, np.int64)), some.dense(np.arange(len(asked)))):
        wanted = [np.concatenate([np.zeros((0, WIDTH)), *(cell(n, n) for n in rows[row])]) for row in asked]
        assert tokens.shape == (*mask.shape, WIDTH)
        assert mask.shape == (len(asked), max([1, *map(len, wanted)]))
        for got, seen, want in zip(tokens, mask, wanted, strict=True):
            assert seen.tolist() == [True] * len(want) + [False] * (len(seen) - len(want))
            np.testing.assert_array_equal(got[: len(want)], want)
            assert not got[len(want) :].any()


def test_a_row_of_very_many_positions_is_cut() -> None:
    shelf = Shelf(None, WIDTH, tokens=True)
    shelf.add(keys_of(0), [cell(0, 300)])
    counts = np.array([4, 1])
    made = ShelfTokens(shelf, shelf.find(keys_of(*[0] * 5)), np.cumsum(counts) - counts, counts)
    tokens, mask = made.dense(np.arange(2))
    assert mask.sum(axis=1).tolist() == [MOST_OF_A_ROW, 300]
    np.testing.assert_array_equal(tokens[0, 900:], cell(0, 300)[: MOST_OF_A_ROW - 900])


@pytest.mark.parametrize("length", [1, MOST_TOKENS, MOST_TOKENS + 1, 3 * MOST_TOKENS + 7])
def test_neighbours_of_too_many_positions_are_averaged(length: int) -> None:
    tokens = np.random.default_rng(0).normal(size=(length, WIDTH))
    run = -(-length // MOST_TOKENS)
    wanted = [tokens[begin : begin + run].mean(axis=0) for begin in range(0, length, run)]
    assert len(wanted) <= MOST_TOKENS
    np.testing.assert_allclose(bounded(tokens), wanted, rtol=1e-12)


def test_pooled_features_that_are_there_are_not_written_twice(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    pooled = PooledKept(cache.shelf("pooled", 2))
    pooled.add(keys_of(1), [np.ones(2)])
    kept = TokensKept(pooled, cache.shelf("tokens", WIDTH, tokens=True))
    assert kept.has(keys_of(1, 2)).tolist() == [False, False]
    kept.add(keys_of(1, 2), [(np.full(2, 7.0), cell(1, 1)), (np.full(2, 2.0), cell(2, 3))])
    assert kept.has(keys_of(1, 2)).all() and len(pooled.shelf) == 2
    table: FeatureTable = kept.table(keys_of(2, 1), np.array([1, 0, 1]))
    np.testing.assert_array_equal(table.rows.dense(np.arange(3)), [[2, 2], [0, 0], [1, 1]])
    assert table.present.tolist() == [True, False, True]
    batch = table.part(np.array([2, 1])).batch(np.arange(2), tokens=True)
    assert batch.mask is not None and batch.mask.tolist() == [[True], [False]]
