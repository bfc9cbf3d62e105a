"""The contract that every encoder keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from motet.data import Cells, cells, infer_schema, read_table
from motet.encoders import EMBEDDED, Encoder
from motet.encoders.pretrained import PretrainedEncoder


def columns() -> dict[str, Cells]:
    """Cells of four rows whose first and last two differ in every modality."""
    table = read_table(
        pa.table(
            {
                "title": ["brass lamp", "oak lamp", "linen chair", "red chair"],
                "picture": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
                "sound": ["a.wav", "b.wav", "c.wav", "d.wav"],
                "price": [1.0, 2.0, 30.0, 90.0],
                "vector": [[1.0, 2.0], [1.0, 3.0], [30.0, 2.0], [9.0, 9.0]],
            }
        )
    )
    named = infer_schema(
        table, text=["title"], image=["picture"], audio=["sound"], numeric=["price"], vector=["vector"]
    )
    return dict(cells(table, named))


@pytest.mark.parametrize("made", EMBEDDED.values(), ids=[":".join(name) for name in EMBEDDED])
def test_learns_says_whether_fit_changes_the_features(made: Callable[[], Encoder]) -> None:
    one, other = made(), made()
    some: Any = columns()[one.modality]
    one.fit(some, np.array([0, 1]))
    other.fit(some, np.array([2, 3]))
    assert one.learns == (one.fingerprint != other.fingerprint)


def test_pretrained_encoders_do_not_learn() -> None:
    assert PretrainedEncoder.learns is False
