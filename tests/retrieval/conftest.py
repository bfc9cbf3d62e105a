"""A small index for the tests of search."""

from __future__ import annotations

import pytest
from made_vectors import MODEL, described, names, unit

from motet.retrieval import Index


@pytest.fixture
def small(tmp_path) -> Index:
    """Forty rows with a price and a brand."""
    return Index.create(
        tmp_path / "index", unit(40), names(40), described(40), model=MODEL, storage="float32"
    )
