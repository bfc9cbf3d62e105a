"""TF-IDF without spaces or scikit-learn, held against scikit-learn where both can read the text."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import Table, TextCells
from motet.encoders import lexical_counts
from motet.encoders.lexical import LexicalEncoder
from motet.encoders.lexical_documents import DocumentCounts
from motet.encoders.lexical_terms import character_terms, runs_of, word_terms
from motet.encoders.sparse import SparseRows
from motet.errors import EncoderError

CORPUS = [
    "A red running shoe for the road",
    "red shoe red shoe RED sole",
    "a blue shirt of cotton",
    "The blue cotton shirt with a red stripe",
    "x y z",
    "a history of the road and of running",
    "usb c charger 65w",
    "charger and cable usb c usb c",
    "running running running",
]
CHINESE = ["红色跑步鞋", "红色的跑步鞋, 轻便", "蓝色纯棉衬衫", "纯棉蓝色衬衫 Cotton 2024款", "跑步的历史"]


def dense(rows: SparseRows) -> npt.NDArray[np.float32]:
    return rows.dense(np.arange(len(rows)))


def terms_of(encoder: LexicalEncoder, directory: Path) -> dict[str, list[str]]:
    encoder.save(directory)
    return json.loads((directory / "vocabulary.json").read_text(encoding="utf-8"))


def words_of(encoder: LexicalEncoder, directory: Path) -> set[str]:
    vocabulary = terms_of(encoder, directory)
    return {*vocabulary["words"], *vocabulary["characters"]}


def test_equals_scikit_learn_on_spaced_text(tmp_path: Path) -> None:
    """Both blocks, each on the vocabulary that was kept, on training and on new texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    encoder = LexicalEncoder().learn(CORPUS)
    kept = terms_of(encoder, tmp_path)
    new = [*CORPUS, "a red cable", "nothing known hereabouts qq", "", "red " * 50]
    blocks = []
    for vocabulary, options in (
        (kept["words"], {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"[^\W_]+"}),
        (kept["characters"], {"analyzer": "char_wb", "ngram_range": (2, 5)}),
    ):
        reference = TfidfVectorizer(
            vocabulary=vocabulary, sublinear_tf=True, smooth_idf=True, norm="l2", **options
        )
        blocks.append(reference.fit(CORPUS).transform(new).toarray())
    want = np.concatenate(blocks, axis=1)
    got = dense(encoder.transform(new))
    assert got.shape == (len(new), encoder.width)
    np.testing.assert_allclose(got, want, atol=2e-6)


def test_keeps_the_terms_that_scikit_learn_counts_in_two_documents_or_more(tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    kept = terms_of(LexicalEncoder().learn(CORPUS), tmp_path)
    words = CountVectorizer(token_pattern=r"[^\W_]+", ngram_range=(1, 2), min_df=2).fit(CORPUS)
    characters = CountVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2).fit(CORPUS)
    assert set(kept["words"]) == set(words.vocabulary_)
    assert set(kept["characters"]) == set(characters.vocabulary_)


def slow_features(encoder: LexicalEncoder, kept: dict[str, list[str]], text: str) -> npt.NDArray[np.float64]:
    """The formula of the module's docstring, term by term."""
    runs = runs_of(text)
    counts = [Counter(word_terms(runs)), Counter(term for run in runs for term in character_terms(run))]
    made: list[float] = []
    for names, count in zip((kept["words"], kept["characters"]), counts, strict=True):
        idf = dict(zip(kept["words"] + kept["characters"], kept["idf"], strict=True))
        offset = 0 if names is kept["words"] else len(kept["words"])
        idf = {name: kept["idf"][offset + i] for i, name in enumerate(names)}
        block = [(1 + math.log(count[name])) * float(idf[name]) if count[name] else 0.0 for name in names]
        length = math.sqrt(sum(value**2 for value in block))
        made += [value / length if length else 0.0 for value in block]
    return np.array(made)


@pytest.mark.parametrize("corpus", [CORPUS, CHINESE, CORPUS + CHINESE])
def test_equals_the_formula_term_by_term(corpus: list[str], tmp_path: Path) -> None:
    encoder = LexicalEncoder().learn(corpus)
    kept = terms_of(encoder, tmp_path)
    for text in [*corpus, "红色的 shirt", "跑步跑步跑步"]:
        np.testing.assert_allclose(
            dense(encoder.transform([text]))[0], slow_features(encoder, kept, text), atol=2e-6
        )


def test_chinese_needs_no_spaces(tmp_path: Path) -> None:
    """Characters are words, their pairs are pairs of words, and n-grams run through the whole stretch."""
    assert runs_of("红色跑步鞋, ABC款12") == ["红色跑步鞋", "abc", "款", "12"]
    assert word_terms(["红色", "abc"]) == ["红", "色", "abc", "红 色", "色 abc"]
    assert set(character_terms("红色")) == {" 红", "红色", "色 ", " 红色", "红色 ", " 红色 "}
    encoder = LexicalEncoder().learn(CHINESE)
    assert {"跑", "跑 步", "跑步鞋"} <= words_of(encoder, tmp_path)
    near, same, far = dense(encoder.transform(["红色的鞋", "红色跑步鞋", "蓝色衬衫"]))
    shoe = dense(encoder.transform(["轻便的红色跑步鞋"]))[0]
    assert shoe @ same > shoe @ near > shoe @ far


@pytest.mark.parametrize("text", ["かわいい靴", "カタカナ", "한국어 신발", "𠀀𠀁𠀀𠀁"])
def test_other_unspaced_scripts_are_read_character_by_character(text: str) -> None:
    encoder = LexicalEncoder().learn([text, text])
    words = word_terms(runs_of(text))
    assert all(len(term.replace(" ", "")) <= 2 for term in words)
    # Both blocks know the text, and each has unit length: 1 + 1.
    assert np.square(dense(encoder.transform([text]))).sum() == pytest.approx(2, abs=1e-5)


def test_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    encoder = LexicalEncoder(words=40, characters=60).learn(CORPUS + CHINESE)
    encoder.save(tmp_path)
    loaded = LexicalEncoder.load(tmp_path)
    assert loaded.fingerprint == encoder.fingerprint
    assert loaded.width == encoder.width <= 100
    texts = [*CORPUS, *CHINESE, "", "something else"]
    one, two = encoder.transform(texts), loaded.transform(texts)
    for name in ("start", "columns", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    assert (again / "vocabulary.json").read_bytes() == (tmp_path / "vocabulary.json").read_bytes()


def test_the_order_of_training_rows_does_not_matter() -> None:
    shuffled = CORPUS + CHINESE
    want = LexicalEncoder(words=30, characters=50).learn(shuffled).fingerprint
    for seed in range(5):
        random.Random(seed).shuffle(shuffled)
        assert LexicalEncoder(words=30, characters=50).learn(shuffled).fingerprint == want


def test_other_training_rows_give_another_fingerprint() -> None:
    prints = {LexicalEncoder().learn(CORPUS[: n + 2]).fingerprint for n in range(len(CORPUS) - 1)}
    assert len(prints) == len(CORPUS) - 1


def test_the_limit_keeps_terms_of_most_documents(tmp_path: Path) -> None:
    corpus = ["alpha beta", "alpha beta", "alpha gamma", "gamma beta alpha"]
    kept = terms_of(LexicalEncoder(words=3, characters=2).learn(corpus), tmp_path)
    assert kept["words"] == ["alpha", "beta", "alpha beta"]  # 4, 3, 2 documents; ties by name
    assert len(kept["characters"]) == 2


def test_one_training_text_keeps_its_terms(tmp_path: Path) -> None:
    assert {"only", "one", "only one"} <= words_of(LexicalEncoder().learn(["only one"]), tmp_path)


@pytest.mark.parametrize("corpus", [[], [""], ["", " ... !"]])
def test_no_word_to_learn_is_said(corpus: list[str]) -> None:
    with pytest.raises(EncoderError, match="letter or a digit"):
        LexicalEncoder().learn(corpus)


def test_empty_and_unknown_texts_are_zero() -> None:
    encoder = LexicalEncoder().learn(CORPUS)
    rows = encoder.transform(["", "  ", "。。", "qqq", "red"])
    assert (dense(rows)[:4] == 0).all()
    assert dense(rows)[4].any()
    assert len(encoder.transform([])) == 0
    assert dense(encoder.transform([])).shape == (0, encoder.width)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_gives_blocks_of_unit_length_or_zero(texts: list[str]) -> None:
    encoder = LexicalEncoder().learn([*CORPUS, *CHINESE, *texts])
    boundary = len(encoder._word_at)
    made = dense(encoder.transform(texts))
    assert np.isfinite(made).all()
    assert (made >= 0).all()
    for block in (made[:, :boundary], made[:, boundary:]):
        length = np.linalg.norm(block, axis=1)
        assert ((length == 0) | (abs(length - 1) < 1e-5)).all()
    # A row's features do not depend on the rows beside it.
    for text, row in zip(texts, made, strict=True):
        np.testing.assert_array_equal(dense(encoder.transform([text]))[0], row)


def test_only_present_training_rows_are_learnt_from(tmp_path: Path) -> None:
    cells = TextCells(
        Table(pa.table({"words": ["red shoe", None, "red hat", "books books", "books"]})), ["words"]
    )
    encoder = LexicalEncoder()
    encoder.fit(cells, np.array([0, 1, 2]))
    assert words_of(encoder, tmp_path) == {"red"} | set(character_terms("red"))
    # "red" is in 2 of 2 texts, the absent one not counted: 1 + ln(3 / 3) = 1.
    np.testing.assert_array_equal(encoder._idf, np.ones(encoder.width, np.float32))
    table = encoder.encode(cells, np.array([4, 1, 0]))
    assert table.present.tolist() == [True, False, True]
    assert dense(table.rows)[[0, 1]].sum() == 0


def test_sparse_rows_become_dense_in_any_order() -> None:
    generator = np.random.default_rng(0)
    whole = generator.normal(size=(20, 9)).astype(np.float32) * (generator.random((20, 9)) < 0.3)
    where = [np.flatnonzero(row) for row in whole]
    rows = SparseRows(
        np.cumsum([0] + [len(w) for w in where]),
        np.concatenate(where).astype(np.int32),
        np.concatenate([row[w] for row, w in zip(whole, where, strict=True)]),
        9,
    )
    for wanted in ([], [3], [5, 5, 0, 19], list(range(20))[::-1]):
        at = np.array(wanted, np.int64)
        np.testing.assert_array_equal(rows.dense(at), whole[at])


# Memory that does not grow with the texts.


def plain_vocabulary(texts: list[str], limit: int) -> tuple[list[str], list[str], list[float]]:
    """What is learned, by counting every term at once."""
    words, characters = Counter[str](), Counter[str]()
    for text in texts:
        runs = runs_of(text)
        words.update(set(word_terms(runs)))
        characters.update({term for run in runs for term in character_terms(run)})
    kept = []
    for documents in (words, characters):
        least = min(2, max(documents.values()))
        ranked = sorted((-count, term) for term, count in documents.items() if count >= least)
        kept.append([term for _, term in ranked[:limit]])
    counts = [words[t] for t in kept[0]] + [characters[t] for t in kept[1]]
    return kept[0], kept[1], [1 + math.log((1 + len(texts)) / (1 + count)) for count in counts]


@pytest.mark.parametrize("limit", [20, 8192])
def test_learning_equals_counting_every_term(limit: int, tmp_path: Path) -> None:
    texts = (
        CORPUS * 3 + CHINESE * 2 + ["一" * 40 + str(n) for n in range(3)]
    )  # longer than what is remembered
    encoder = LexicalEncoder(words=limit, characters=limit).learn(texts)
    encoder.save(tmp_path)
    saved = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    words, characters, weights = plain_vocabulary(texts, limit)
    assert (saved["words"], saved["characters"]) == (words, characters)
    np.testing.assert_allclose(saved["idf"], weights, rtol=1e-6)


def zipf_documents(number: int, seed: int) -> list[list[str]]:
    """Documents of twelve terms, of which few are in most and most are in one."""
    drawn = np.random.default_rng(seed).zipf(1.3, size=(number, 12))
    return [[f"t{n}" for n in row] for row in drawn.tolist()]


def test_terms_beyond_the_limit_are_forgotten_and_frequent_ones_are_not() -> None:
    documents = zipf_documents(3_000, seed=0)
    exact = Counter(term for document in documents for term in set(document))
    counted = DocumentCounts(500)
    for document in documents:
        counted.add(set(document))
        assert len(counted.counts) <= 500
    assert 0 < counted.short < 60 and len(exact) > 4_000
    for term, count in exact.items():
        assert count - counted.short <= counted.counts.get(term, 0) <= count
    assert set(counted.most_common(10)) == {term for term, _ in exact.most_common(10)}


def test_what_is_forgotten_does_not_depend_on_the_order_of_terms() -> None:
    one, other = DocumentCounts(200), DocumentCounts(200)
    for document in zipf_documents(500, seed=1):
        one.add(list(dict.fromkeys(document)))
        other.add(list(dict.fromkeys(reversed(document))))
    assert one.short and one.counts == other.counts


def test_up_to_the_limit_counts_are_exact() -> None:
    documents = zipf_documents(500, seed=2)
    exact = Counter(term for document in documents for term in set(document))
    counted = DocumentCounts(len(exact))
    for document in documents:
        counted.add(set(document))
    assert counted.counts == exact and counted.short == 0


def test_features_of_a_text_do_not_depend_on_the_texts_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*CORPUS, "", *CHINESE, "qqq"]
    encoder = LexicalEncoder().learn(CORPUS + CHINESE)
    one_by_one = np.concatenate([dense(encoder.transform([text])) for text in texts])
    monkeypatch.setattr(lexical_counts, "REMEMBERED", 3)
    monkeypatch.setattr(lexical_counts, "BATCH", 40)
    np.testing.assert_array_equal(dense(encoder.transform(texts)), one_by_one)
    assert len(encoder.transform([])) == 0


def test_features_of_many_texts_take_little_more_than_themselves() -> None:
    texts = [" ".join(CORPUS[i % 9 : i % 9 + 3]) for i in range(12_000)]
    encoder = LexicalEncoder().learn(CORPUS)
    tracemalloc.start()
    try:
        made = encoder.transform(texts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # each of the arrays once, with an eighth to grow, beside what is remembered of a few words
    assert peak < 1.3 * (made.columns.nbytes + made.values.nbytes)
