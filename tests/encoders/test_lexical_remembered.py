"""Texts counted once, held against the encoder that reads them anew each time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import Table, TextCells
from motet.encoders import lexical_counts, lexical_remembered
from motet.encoders.lexical import LexicalEncoder
from motet.encoders.sparse import SparseRows
from motet.errors import EncoderError

TEXTS = [
    "A red running shoe for the road",
    "red shoe red shoe RED sole",
    None,
    "红色的跑步鞋, 轻便 Cotton 2024款",
    "",
    "纯棉蓝色衬衫 Cotton",
    "red shoe red shoe RED sole",
    " ... ",
    "the road, the road and the shoe",
    "跑步跑步跑步",
]
SOME = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.lists(st.sampled_from(["red", "Shoe", "road", "鞋", "红色", "跑步鞋", "x", "!"]), max_size=12).map(
        " ".join
    ),
)


def cells_of(texts: Sequence[str | None]) -> TextCells:
    return TextCells(Table(pa.table({"words": pa.array(texts, pa.string())})), ["words"])


def read_anew(encoder: LexicalEncoder, cells: TextCells, fit: npt.NDArray[np.int64]) -> LexicalEncoder:
    """An encoder of the same settings that learned from the present texts of these rows, text by text."""
    return LexicalEncoder(words=encoder.words, characters=encoder.characters).learn(
        cells.take(fit[cells.present[fit]])
    )


def assert_equal_rows(got: Any, want: SparseRows) -> None:
    np.testing.assert_array_equal(got.start, want.start)
    np.testing.assert_array_equal(got.columns, want.columns)
    np.testing.assert_allclose(got.values, want.values, atol=1e-6)
    assert got.values.dtype == np.float32 and got.columns.dtype == np.int32 and got.width == want.width


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SOME, min_size=1, max_size=9),
    st.lists(st.lists(st.integers(0, 8), max_size=9), min_size=1, max_size=3),
    st.integers(0, 12),
    st.integers(1, 40),
    st.integers(1, 60),
)
def test_equals_reading_every_text_anew(
    texts: list[str | None], folds: list[list[int]], words: int, characters: int, window: int
) -> None:
    """Any rows to learn from, in any order, some twice; then any rows of the table, those among them or not."""
    cells = cells_of(texts)
    first, every = LexicalEncoder(words=words, characters=characters), np.arange(len(texts))[::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical_remembered, "WINDOW", window)
        patch.setattr(lexical_counts, "BATCH", window)
        for fold in folds:
            fit = np.array([row for row in fold if row < len(texts)], np.int64)
            encoder = copy.copy(first)
            try:
                encoder.fit(cells, fit)
            except EncoderError:
                with pytest.raises(EncoderError):
                    read_anew(first, cells, fit)
                continue
            want = read_anew(first, cells, fit)
            assert encoder.fingerprint == want.fingerprint
            made = encoder.encode(cells, every)
            assert_equal_rows(made.rows, want.transform(cells.take(every)))
            np.testing.assert_array_equal(made.present, cells.present[every])


def test_a_term_that_one_document_of_the_fold_holds_is_left_out() -> None:
    cells = cells_of(["red shoe", "red hat", "red hat", "blue sky"])
    whole = LexicalEncoder()
    whole.fit(cells, np.arange(4))
    assert list(whole._word_at) == ["red", "hat", "red hat"]  # 3, 2, 2 documents
    fold = copy.copy(whole)
    fold.fit(cells, np.array([0, 1, 3]))
    assert list(fold._word_at) == ["red"]
    alone = copy.copy(whole)
    alone.fit(cells, np.array([3]))
    assert list(alone._word_at) == ["blue", "blue sky", "sky"]
    assert list(whole._word_at) == ["red", "hat", "red hat"]


def test_terms_are_extracted_once_for_all_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    runs_of = lexical_counts.runs_of
    monkeypatch.setattr(lexical_counts, "runs_of", lambda text: [read.append(text), runs_of(text)][1])
    cells, every = cells_of(TEXTS), np.arange(len(TEXTS))
    encoder = LexicalEncoder()
    encoder.fit(cells, every)
    encoder.encode(cells, every)
    for fold in range(3):
        fresh = copy.copy(encoder)
        fresh.fit(cells, every[every % 3 != fold])
        fresh.encode(cells, every)
    assert sorted(read) == sorted(cells.take(every))


@pytest.mark.parametrize("limit", [{"most_counts": 150}, {"most_terms": 150}])
def test_too_many_to_remember_are_read_anew(limit: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical_counts, "BATCH", 1)
    cells, every = cells_of(TEXTS), np.arange(len(TEXTS))
    few = every[:2]  # some 100 terms
    encoder = LexicalEncoder()
    remembered = lexical_remembered.RememberedTexts(len(cells), **limit)
    encoder._remembered[cells] = remembered
    for fit in (few, every, few):  # the second goes beyond the limit, and nothing is remembered from then on
        encoder.fit(cells, fit)
        want = read_anew(encoder, cells, fit)
        assert encoder.fingerprint == want.fingerprint
        assert_equal_rows(encoder.encode(cells, few).rows, want.transform(cells.take(few)))
        encoder = copy.copy(encoder)
    assert remembered._too_many and not remembered._words and not len(remembered._rows.whole(0).columns)


def test_a_table_that_was_not_learnt_from_is_read_as_it_comes() -> None:
    cells, others, every = cells_of(TEXTS), cells_of(TEXTS[::-1]), np.arange(len(TEXTS))
    encoder = LexicalEncoder()
    encoder.fit(cells, every)
    assert_equal_rows(encoder.encode(others, every).rows, encoder.encode(cells, every).rows.take(every[::-1]))
    assert others not in encoder._remembered


def test_what_is_remembered_goes_with_the_table() -> None:
    cells = cells_of(TEXTS)
    encoder = LexicalEncoder()
    encoder.fit(cells, np.arange(len(TEXTS)))
    assert len(encoder._remembered) == 1
    del cells
    assert len(encoder._remembered) == 0
