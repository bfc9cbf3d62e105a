"""A column's values part rows: each row in one slice, numbers in quartiles, what is not there said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import column_slices, read_table
from motet.errors import UsageError


def told(values: list[object], rows: list[int] | None = None) -> list[tuple[str, str, list[int]]]:
    at = np.array(range(len(values)) if rows is None else rows, np.int64)
    slices = column_slices(read_table({"c": values}), "c", at)
    return [(part.name, part.kind, part.at.tolist()) for part in slices]


def test_words_by_value_the_most_frequent_first() -> None:
    assert told(["b", " a", None, "b", "a ", "b", "  "]) == [
        ("b", "value", [0, 3, 5]),
        ("a", "value", [1, 4]),
        ("no value", "empty", [2, 6]),
    ]


def test_places_are_among_the_rows_asked_about() -> None:
    assert told(["x", "a", "b", "a"], [1, 2, 3]) == [("a", "value", [0, 2]), ("b", "value", [1])]
    assert told(["a"], []) == []


def test_few_numbers_are_values_and_booleans_too() -> None:
    assert told([2, 1, 2, 2.0]) == [("2", "value", [0, 2, 3]), ("1", "value", [1])]
    assert [name for name, _, _ in told([True, False, True])] == ["true", "false"]


@pytest.mark.parametrize("write", [int, str])
def test_many_numbers_are_quartiles(write: type) -> None:
    """1 to 100: a quarter of them is up to 25 (the lower of two neighbours), a half up to 50."""
    slices = told([*map(write, range(1, 101)), None])
    assert [(name, kind, len(at)) for name, kind, at in slices] == [
        ("up to 25", "range", 25),
        ("above 25 up to 50", "range", 25),
        ("above 50 up to 75", "range", 25),
        ("above 75", "range", 25),
        ("no value", "empty", 1),
    ]
    assert slices[0][2] == list(range(25))


def test_quartiles_that_are_one_number_are_one_edge() -> None:
    """Of 100, 76 are 0: all three quartiles are 0, and what is above is one slice."""
    assert [(name, len(at)) for name, _, at in told([0] * 76 + list(range(1, 25)))] == [
        ("up to 0", 76),
        ("above 0", 24),
    ]


def test_rare_values_are_put_together() -> None:
    """30 values, ten of them twice: those are told apart; one word makes numbers words."""
    values = [f"w{n}" for n in range(30)] + [f"w{n}" for n in range(10)]
    slices = told(values)
    assert [name for name, kind, _ in slices if kind == "value"] == [f"w{n}" for n in range(10)]
    assert [(name, kind, len(at)) for name, kind, at in slices[10:]] == [("20 other values", "rest", 20)]
    twice = told([str(n) for n in range(30)] * 2 + ["other"])
    assert [len(at) for _, _, at in twice] == [2] * 20 + [21] and twice[-1][:2] == ("11 other values", "rest")
    assert len(told([str(n) for n in range(20)])) == 20


@settings(deadline=None)
@given(
    st.lists(st.none() | st.sampled_from(["a", "b"]) | st.integers(-99, 99).map(str), min_size=1, max_size=80)
)
def test_each_row_is_in_one_slice(values: list[str | None]) -> None:
    slices = column_slices(read_table({"c": values, "d": ["x"] * len(values)}), "c", np.arange(len(values)))
    at = np.concatenate([part.at for part in slices] or [np.zeros(0, int)])
    assert sorted(at.tolist()) == list(range(len(values)))
    assert all(len(part.at) for part in slices)
    assert sum(part.kind == "value" for part in slices) <= 20


def test_columns_that_cannot_be_sliced_by_are_refused() -> None:
    table = read_table({"colour": ["red", "blue"], "vector": [[1.0, 2.0], [3.0]]})
    with pytest.raises(UsageError, match="did you mean 'colour'"):
        column_slices(table, "color", np.arange(2))
    with pytest.raises(UsageError, match=r"column 'vector', row 1: a list.*words or numbers"):
        column_slices(table, "vector", np.array([1]))
