"""Batches of near lengths: every row once, as many batches as schedules count, little padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motet.training.near_lengths import near_lengths


@given(st.integers(1, 400), st.integers(1, 40), st.integers(1, 9))
def test_every_row_is_in_one_of_as_many_batches_as_are_counted(count: int, size: int, window: int) -> None:
    rows = np.arange(count) * 3
    parts = near_lengths(rows, lambda some: some % 7, size, window, np.random.default_rng(count))
    assert sorted(np.concatenate(parts).tolist()) == rows.tolist()
    assert len(parts) == -(-count // size)
    assert max(map(len, parts)) <= size


def test_a_batch_holds_near_lengths_and_batches_come_in_random_order() -> None:
    lengths = np.arange(64)
    parts = near_lengths(np.arange(64), lambda some: lengths[some], 8, 8, np.random.default_rng(0))
    assert all(np.ptp(lengths[part]) == 7 for part in parts)  # one window: eight runs of eight
    assert [int(part.min()) for part in parts] != sorted(int(part.min()) for part in parts)
