"""A vector column as features: standardised by training rows, of one width, the same after saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motet.data import VectorCells, read_table
from motet.encoders import embedded, load_encoder, save_encoder, source_name
from motet.encoders.torch_choose import open_encoder
from motet.encoders.vector import VectorEncoder
from motet.errors import EncoderError

EVERY = np.arange(6)


def lidar(rows: list) -> VectorCells:
    return VectorCells(read_table({"lidar": rows}), "lidar")


CELLS = lidar([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [1e30, 5.0], None, [1.0, 2.0, 3.0]])


def fitted() -> VectorEncoder:
    encoder = VectorEncoder("lidar")
    encoder.fit(CELLS, np.array([0, 1, 2, 4]))
    return encoder


def test_standardised_by_hand() -> None:
    # 1, 3, 5 have mean 3 and deviation sqrt(8 / 3); a constant column keeps deviation 1
    table = fitted().encode(CELLS, EVERY)
    got = table.rows.dense(EVERY)
    assert got.dtype == np.float32 and got.shape == (6, 2)
    expected = np.array([-2, 0, 2]) / np.sqrt(8 / 3)
    np.testing.assert_allclose(got[:3, 0], expected, rtol=1e-6)
    assert not got[:3, 1].any()
    assert got[3, 0] == 1e4  # an absurd value is cut off, so that no head overflows
    assert table.present.tolist() == [True] * 4 + [False] * 2
    assert [(i.row, i.column, i.reason) for i in table.issues] == [
        (5, "lidar", "a vector of 3 numbers, not of 2")
    ]


def test_the_width_is_that_of_the_training_rows() -> None:
    encoder = VectorEncoder("lidar")
    encoder.fit(CELLS, np.array([5]))
    assert encoder.width == 3
    assert encoder.encode(CELLS, EVERY).present.tolist() == [False] * 5 + [True]
    with pytest.raises(EncoderError, match="lidar: no training row"):
        encoder.fit(CELLS, np.array([4]))


def test_saved_and_opened_again(tmp_path: Path) -> None:
    encoder = fitted()
    save_encoder(encoder, tmp_path / "saved")
    opened = load_encoder(tmp_path / "saved")
    assert (opened.modality, opened.width, opened.fingerprint) == ("lidar", 2, encoder.fingerprint)
    assert source_name(opened) == "lidar:vector"
    np.testing.assert_array_equal(
        opened.encode(CELLS, EVERY).rows.dense(EVERY), encoder.encode(CELLS, EVERY).rows.dense(EVERY)
    )


def test_a_missing_column_at_predict_time_is_absent_everywhere() -> None:
    nothing = VectorCells(read_table({"other": ["a", "b"]}), "lidar")
    table = fitted().encode(nothing, np.arange(2))
    assert not table.present.any() and table.rows.dense(np.arange(2)).shape == (2, 2)


@pytest.mark.parametrize("wanted", ["auto", "lidar", "vector"])
def test_opened_by_the_columns_own_name(wanted: str) -> None:
    encoder = open_encoder(wanted, "lidar")
    assert (encoder.modality, encoder.name) == ("lidar", "vector")


def test_no_network_reads_numbers(tmp_path: Path) -> None:
    for modality in ("lidar", "tabular"):
        with pytest.raises(EncoderError, match=f"no encoder .* of {modality}"):
            open_encoder(str(tmp_path), modality)
    assert embedded("lidar", "lexical") is None
