"""Numbers and categories as one vector: what is absent, constant, unseen or extreme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from motet.data import Table, TabularCells
from motet.encoders.tabular import TabularEncoder


def cells_of(numeric: dict[str, list[Any]], categorical: dict[str, list[Any]] | None = None) -> TabularCells:
    categorical = categorical or {}
    table = Table(pa.table({**numeric, **categorical}))
    return TabularCells(table, list(numeric), list(categorical))


def encoded(encoder: TabularEncoder, cells: TabularCells, rows: list[int]) -> npt.NDArray[np.float32]:
    table = encoder.encode(cells, np.array(rows, np.int64))
    values = table.rows.dense(np.arange(len(table)))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    return values


def fitted(cells: TabularCells, rows: list[int], **options: int) -> TabularEncoder:
    encoder = TabularEncoder(**options)
    encoder.fit(cells, np.array(rows, np.int64))
    return encoder


def test_by_hand() -> None:
    """Training rows 0-3: prices 1, 3, absent, 5 have mean 3 and deviation sqrt(8/3); red twice, blue once."""
    cells = cells_of({"price": [1.0, 3.0, None, 5.0, 9.0]}, {"colour": ["red", "blue", "red", None, "green"]})
    encoder = fitted(cells, [0, 1, 2, 3])
    assert encoder.width == 5  # value, absent, red, blue, another
    one = np.sqrt(8 / 3)
    want = [
        [-2 / one, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 1, 1, 0, 0],
        [2 / one, 0, 0, 0, 0],
        [6 / one, 0, 0, 0, 1],  # never seen: "another", not silence
    ]
    np.testing.assert_allclose(encoded(encoder, cells, [0, 1, 2, 3, 4]), want, rtol=1e-6)
    np.testing.assert_allclose(encoded(encoder, cells, [4, 0, 4]), np.array(want)[[4, 0, 4]], rtol=1e-6)


def test_nothing_of_other_rows_is_learnt() -> None:
    one = cells_of({"a": [1.0, 2.0, 1e9]}, {"b": ["x", "y", "z"]})
    two = cells_of({"a": [1.0, 2.0, -5.0]}, {"b": ["x", "y", "w"]})
    assert fitted(one, [0, 1]).fingerprint == fitted(two, [0, 1]).fingerprint
    assert fitted(one, [0, 1]).fingerprint != fitted(one, [0, 2]).fingerprint


@pytest.mark.parametrize("value", [0.1, -1e-30, 1e30, 123456789.0, 0.0])
def test_a_constant_column_says_nothing_and_blows_nothing_up(value: float) -> None:
    """One tenth has no exact float: a mean that rounds would leave a deviation of 1e-9 to divide by."""
    cells = cells_of({"a": [value] * 1001 + [value * 1.5 + 1]})
    encoder = fitted(cells, list(range(1001)))
    made = encoded(encoder, cells, [0, 500, 1001])
    assert (made[:2] == 0).all()
    assert abs(made[2, 0]) <= abs(value * 0.5 + 1) * 1.001


def test_large_and_close_numbers_keep_their_differences() -> None:
    """Seconds since 1970 over one week, 20,000 rows: sums in float32 would lose the mean by days."""
    seconds = 1.6e9 + np.random.default_rng(0).integers(0, 7 * 86400, 20_000)
    cells = cells_of({"when": seconds.tolist()})
    encoder = fitted(cells, list(range(20_000)))
    made = encoded(encoder, cells, list(range(20_000)))[:, 0].astype(np.float64)
    # float32 keeps 1.6e9 to 128 s; a week's deviation is 174,600 s: no more than 1e-3 can be lost.
    assert abs(made.mean()) < 2e-3
    assert made.std() == pytest.approx(1, abs=2e-3)
    want = (seconds - seconds.mean()) / seconds.std()
    assert np.abs(made - want).max() < 2e-3


def test_extreme_numbers_stay_finite() -> None:
    cells = cells_of({"a": [3e38, -3e38, 3e38, 1.0], "b": [1e-38, 2e-38, 0.0, 3e38]})
    made = encoded(fitted(cells, [0, 1, 2]), cells, [0, 1, 2, 3])
    assert np.abs(made[:3]).max() < 3


def test_all_absent() -> None:
    cells = cells_of(
        {"a": pa.array([None, None, 4.0], pa.float64())}, {"b": pa.array([None, None, "x"], pa.string())}
    )
    encoder = fitted(cells, [0, 1])
    assert encoder.width == 3
    table = encoder.encode(cells, np.array([0, 2]))
    assert table.present.tolist() == [False, True]
    np.testing.assert_array_equal(encoded(encoder, cells, [0, 2]), [[0, 1, 0], [4, 0, 1]])


def test_no_rows_and_only_one_kind_of_column() -> None:
    numbers = cells_of({"a": [1.0, 2.0]})
    assert encoded(fitted(numbers, [0, 1]), numbers, []).shape == (0, 2)
    assert np.isfinite(encoded(fitted(numbers, []), numbers, [0, 1])).all()
    words = cells_of({}, {"b": ["x", "y"]})
    np.testing.assert_array_equal(encoded(fitted(words, [0]), words, [0, 1]), [[1, 0], [0, 1]])


def test_rare_categories_stand_together() -> None:
    cells = cells_of({}, {"b": ["x", "x", "y", "y", "y", "z", "w"]})
    encoder = fitted(cells, list(range(7)), categories=2)
    np.testing.assert_array_equal(
        encoded(encoder, cells, [0, 2, 5, 6]), [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]
    )


def test_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    cells = cells_of({"a": [0.1, 2.7, None, 1e6]}, {"b": ["红", "blue", None, '"quoted"\n']})
    encoder = fitted(cells, [0, 1, 2, 3])
    encoder.save(tmp_path)
    loaded = TabularEncoder.load(tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    assert loaded.width == encoder.width
    rows = [3, 2, 1, 0]
    np.testing.assert_array_equal(encoded(loaded, cells, rows), encoded(encoder, cells, rows))


def test_the_order_of_training_rows_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    cells = cells_of(
        {"a": generator.normal(size=200).tolist()}, {"b": generator.choice(list("abcdef"), 200).tolist()}
    )
    one = encoded(fitted(cells, list(range(200))), cells, list(range(200)))
    two = encoded(fitted(cells, generator.permutation(200).tolist()), cells, list(range(200)))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_column_that_is_gone_counts_as_absent() -> None:
    cells = cells_of({"a": [1.0, 2.0]}, {"b": ["x", "y"]})
    encoder = fitted(cells, [0, 1])
    gone = TabularCells(Table(pa.table({"other": [1, 2]})), ["a"], ["b"])
    table = encoder.encode(gone, np.array([0, 1]))
    assert not table.present.any()
    np.testing.assert_array_equal(table.rows.dense(np.arange(2)), [[0, 1, 0, 0, 0]] * 2)
