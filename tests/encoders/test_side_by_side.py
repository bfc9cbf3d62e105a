"""Batches side by side: what comes back is what `map` gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.encoders.side_by_side import AHEAD, side_by_side


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_it_gives_what_map_gives(items: list[int], workers: int) -> None:
    assert list(side_by_side(lambda n: n * n, items, workers)) == [n * n for n in items]


def test_several_run_at_a_time() -> None:
    """Each waits until both have come: one after the other, they would wait for ever."""
    meeting = threading.Barrier(2, timeout=60)
    assert sorted(side_by_side(lambda _: meeting.wait(), range(2), 2)) == [0, 1]


def test_few_are_taken_ahead_and_all_by_the_callers_thread() -> None:
    taken: list[str] = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(threading.current_thread().name)
            yield n

    made = side_by_side(str, items(), 3)
    assert next(made) == "0" and len(taken) == AHEAD * 3
    assert list(made) == [str(n) for n in range(1, 100)]
    assert set(taken) == {threading.current_thread().name}


def test_an_error_comes_in_its_turn_and_the_rest_is_not_begun() -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise ValueError("third")
        return n

    made = side_by_side(work, range(1000), 1)
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="third"):
        next(made)
    assert len(begun) < 10


def test_leaving_early_ends_it() -> None:
    begun: list[int] = []
    made = side_by_side(begun.append, range(1000), 2)
    next(made)
    made.close()  # type: ignore[attr-defined]
    assert len(begun) <= AHEAD * 2 + 1
