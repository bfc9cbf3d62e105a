"""The contract of an index: answers against a slow search, rows added and removed, bad input."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_vectors import MODEL, described, names, unit

from motet.errors import SearchError, UsageError
from motet.retrieval import Index, approximate, segment
from motet.retrieval.storage import decode, encode


def slow_search(vectors, queries, k, allowed=None):
    """Rows by score, then by number, one pair at a time."""
    rows = [row for row in range(len(vectors)) if allowed is None or allowed[row]]
    answers = []
    for query in queries:
        scored = sorted((-float(np.float32((vectors[row] * query).sum())), row) for row in rows)
        answers.append([row for _, row in scored[:k]])
    return answers


def test_exact_search_is_the_slow_one(small):
    queries = unit(7, seed=1)
    hits = small.search(queries, 5)
    assert hits.rows.tolist() == slow_search(unit(40), queries, 5)
    assert hits.ids == [[f"货{row}" for row in of_query] for of_query in hits.rows]
    np.testing.assert_allclose(hits.scores, np.take_along_axis(queries @ unit(40).T, hits.rows, 1), atol=1e-6)


def test_filtered_search_is_the_slow_one_over_what_passes(small):
    queries = unit(7, seed=1)
    hits = small.search(queries, 5, "price >= 10 and 品牌 = '牌1'")
    allowed = [row >= 10 and row % 3 == 1 for row in range(40)]
    assert hits.rows.tolist() == slow_search(unit(40), queries, 5, allowed)


def test_equal_vectors_come_in_the_order_of_their_rows(tmp_path):
    # 1,000 copies in a place that makes matrix products round differently
    vectors = np.concatenate([unit(3, 33), np.repeat(unit(1, 33, seed=5), 1000, 0)])
    index = Index.create(tmp_path / "index", vectors, names(1003), model=MODEL)
    for queries in (unit(1, 33, seed=5), np.repeat(unit(1, 33, seed=5), 9, 0)):
        assert all(rows == list(range(3, 23)) for rows in index.search(queries, 20).rows.tolist())


def test_an_answer_does_not_depend_on_the_other_queries(small):
    queries = unit(9, seed=2)
    together = small.search(queries, 6)
    for number, query in enumerate(queries):
        alone = small.search(query[None], 6)
        assert (alone.rows[0] == together.rows[number]).all()
        assert (alone.scores[0] == together.scores[number]).all()


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_sequence_of_changes_leaves_what_a_dictionary_holds(tmp_path_factory, data):
    place = tmp_path_factory.mktemp("changes") / "index"
    pool = unit(60, 8, seed=3)
    start = data.draw(st.integers(0, 8))
    index = Index.create(place, pool[:start], names(start), described(start), model=MODEL, storage="float32")
    held = {f"货{number}": pool[number] for number in range(start)}
    used = start
    for change in data.draw(st.lists(st.sampled_from(["add", "remove", "compact", "again"]), max_size=6)):
        if change == "add":
            more = data.draw(st.integers(0, 6))
            index.add(pool[used : used + more], names(more, used), described(more, used))
            held |= {f"货{number}": pool[number] for number in range(used, used + more)}
            used += more
        elif change == "remove" and held:
            gone = data.draw(st.lists(st.sampled_from(sorted(held)), min_size=1, unique=True))
            index.remove(gone)
            held = {name: vector for name, vector in held.items() if name not in gone}
        elif change == "compact":
            index.compact()
        else:
            index = Index.open(place, model=MODEL)
    assert len(index) == len(held)
    hits = index.search(unit(2, 8, seed=4), k=100)
    expected = unit(2, 8, seed=4)
    for number, of_query in enumerate(hits.ids):
        scores = {name: float((vector * expected[number]).sum()) for name, vector in held.items()}
        assert sorted(of_query) == sorted(held)
        assert [scores[name] for name in of_query] == sorted(scores.values(), reverse=True)
    assert index.metadata(hits.rows[0])["price"].to_pylist() == [float(i[1:]) for i in hits.ids[0]]
    assert all((index.vector(name) == vector).all() for name, vector in held.items())


def test_a_removed_id_can_come_back_with_another_vector(small):
    small.remove(["货3"])
    small.add(unit(1, seed=9), ["货3"], described(1))
    assert (small.vector("货3") == unit(1, seed=9)[0]).all()
    assert len(small) == 40
    assert sum(ids.count("货3") for ids in small.search(unit(1), 100).ids) == 1


@pytest.mark.parametrize(("storage", "error"), [("float32", 0), ("float16", 2**-11), ("int8", 0.5 / 127)])
def test_stored_vectors_are_as_near_as_their_precision(storage, error):
    # float16 keeps 11 bits of each number; INT8 rounds by at most half a step, a 127th of the largest number
    vectors = unit(50, 24)
    kept = decode(encode(vectors, storage))
    assert np.abs(kept - vectors).max() <= error * np.abs(vectors).max() * 1.001
    assert (encode(kept, storage) == encode(kept, storage)).all()


def test_compact_changes_no_stored_bit(tmp_path):
    index = Index.create(tmp_path / "index", unit(9), names(9), model=MODEL, storage="int8")
    before = [index.vector(name) for name in names(9)]
    index.remove(["货0"])
    index.compact()
    assert all(
        (index.vector(name) == vector).all() for name, vector in zip(names(9)[1:], before[1:], strict=True)
    )


def test_an_empty_index_answers_with_nothing(tmp_path):
    index = Index.create(tmp_path / "index", np.zeros((0, 16)), [], model=MODEL)
    hits = index.search(unit(2), 5)
    assert hits.ids == [[], []]
    assert hits.scores.shape == hits.rows.shape == (2, 0)
    index.add(unit(3), names(3))
    assert Index.open(tmp_path / "index").search(unit(1), 5).ids[0][0] == "货0"


def test_categories_may_differ_from_one_addition_to_the_next(tmp_path):
    kind = pa.array(["a", "b", None]).dictionary_encode()
    index = Index.create(tmp_path / "index", unit(3), names(3), pa.table({"kind": kind}), model=MODEL)
    index.add(unit(1, seed=1), ["new"], pa.table({"kind": pa.array(["c"]).dictionary_encode()}))
    index.add(unit(1, seed=2), ["newer"], pa.table({"kind": ["b"]}))
    index.compact()
    assert {*index.search(unit(1), 9, "kind >= 'b'").ids[0]} == {"货1", "new", "newer"}


def test_answers_stay_what_they_were_and_can_be_sent(small):
    hits = small.search(unit(3, seed=1), 5)
    expected = [[f"货{row}" for row in rows] for rows in hits.rows]
    small.remove(names(30))
    small.compact()
    small.compact()  # the files that the answers came from are gone
    sent = pickle.loads(pickle.dumps(hits))
    assert hits.ids == sent.ids == expected
    assert (sent.scores == hits.scores).all() and (sent.rows == hits.rows).all()


def test_no_queries_have_no_answers(small):
    assert small.search(np.zeros((0, 16)), 5).ids == []


def test_k_beyond_the_index_gives_every_row(small):
    assert small.search(unit(2), 1000).rows.shape == (2, 40)
    assert small.search(unit(2), 1000, "price < 2").rows.shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v.__setitem__((2, 3), np.nan), "row 2 holds NaN"),
        (lambda v: v.__setitem__((1, 0), np.inf), "row 1 holds NaN or infinity"),
        (lambda v: v.__setitem__(4, 0), "row 4 has length 0, not 1"),
        (lambda v: v.__setitem__(0, v[0] * 2), "row 0 has length 2, not 1"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(tmp_path, small, change, said):
    vectors = unit(6)
    change(vectors)
    with pytest.raises(SearchError, match=said):
        Index.create(tmp_path / "other", vectors, names(6), model=MODEL)
    with pytest.raises(SearchError, match=said):
        small.add(vectors, names(6, 100), described(6))
    with pytest.raises(SearchError, match=said):
        small.search(vectors)
    assert not (tmp_path / "other").exists()
    assert len(Index.open(small.place)) == 40


def test_ids_that_repeat_are_refused(tmp_path, small):
    with pytest.raises(SearchError, match="'a' repeats, in rows 0 and 2"):
        Index.create(tmp_path / "other", unit(3), ["a", "b", "a"], model=MODEL)
    with pytest.raises(SearchError, match="'货7' is in the index already"):
        small.add(unit(1), ["货7"], described(1))
    with pytest.raises(SearchError, match="null"):
        small.add(unit(1), [None], described(1))


def test_what_does_not_fit_is_refused(tmp_path, small):
    with pytest.raises(SearchError, match="3 vectors, but 2 ids"):
        Index.create(tmp_path / "other", unit(3), ["a", "b"], model=MODEL)
    with pytest.raises(SearchError, match=r"columns price, but the index has price, 品牌"):
        small.add(unit(1), ["new"], pa.table({"price": [1.0]}))
    with pytest.raises(SearchError, match="does not fit the columns"):
        small.add(unit(1), ["new"], pa.table({"price": ["dear"], "品牌": ["x"]}))
    with pytest.raises(SearchError, match="no id 'nobody'"):
        small.remove(["货1", "nobody"])
    with pytest.raises(SearchError, match=r"\[rows, 16\] is wanted"):
        small.search(unit(1, 8))
    with pytest.raises(UsageError, match="k 0"):
        small.search(unit(1), 0)
    with pytest.raises(UsageError, match="queries: 3, at least 100"):
        Index.create(tmp_path / "other", unit(1), ["a"], model=MODEL, queries=unit(3))
    with pytest.raises(UsageError, match="no storage 'float8'"):
        Index.create(tmp_path / "other", unit(1), ["a"], model=MODEL, storage="float8")
    assert len(small) == 40


def test_another_models_index_is_refused_by_name(small):
    with pytest.raises(SearchError, match="made by the model made-by-this, not by another"):
        Index.open(small.place, model="another")


def test_a_model_with_a_name_is_named(tmp_path):
    place, about = tmp_path / "index", {"model": "shop (image:small)"}
    Index.create(place, unit(3), names(3), model="0123456789", about=about)
    said = r"model shop \(image:small\) \[01234567\], not by other \(image:large\) \[abcdefgh\]"
    with pytest.raises(SearchError, match=said):
        Index.open(place, model="abcdefghij", called="other (image:large)")
    with pytest.raises(SearchError, match=r"\[01234567\], not by abcdefghij:"):
        Index.open(place, model="abcdefghij")


def test_what_stands_there_is_not_replaced(small):
    with pytest.raises(SearchError, match="stands there already"):
        Index.create(small.place, unit(1), ["a"], model=MODEL)
    assert len(Index.open(small.place)) == 40


def test_unit_vectors_kept_as_float16_can_be_asked_with(tmp_path):
    index = Index.create(tmp_path / "index", unit(40), names(40), model=MODEL, storage="int8")
    assert index.search(index.vector("货5")[None], 1).ids == [["货5"]]


@pytest.fixture
def clustered(tmp_path, monkeypatch):
    """An index that is searched approximately although it is small."""
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 2000)
    monkeypatch.setattr(segment, "SAMPLED_QUERIES", 200)
    vectors = unit(5000)
    said: list[str] = []
    index = Index.create(
        tmp_path / "index", vectors, names(5000), described(5000), model=MODEL, progress=said.append
    )
    assert index.state.segments[0].probes > 0
    assert "5,000 rows in 141 lists" in said[0]
    return index, vectors


def recall(index, vectors, queries, where=None, allowed=None):
    stored = decode(encode(vectors, "float16"))
    truth = slow_search(stored, queries, 10, allowed)
    found = index.search(queries, 10, where).rows
    return np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found.tolist(), truth, strict=True)])


def test_approximate_search_finds_its_share(clustered):
    index, vectors = clustered
    assert index.state.segments[0].recall > 0.9
    # 500 neighbours: the standard error of a recall of .95 is about .01
    assert recall(index, vectors, unit(50, seed=6)) > 0.91


def test_approximate_search_under_a_filter_finds_its_share(clustered):
    index, vectors = clustered
    allowed = [row % 3 == 1 for row in range(5000)]
    assert recall(index, vectors, unit(50, seed=6), "品牌 = '牌1'", allowed) > 0.91


def test_a_filter_may_pass_rows_far_from_the_query(tmp_path, monkeypatch):
    """Shoes, asked for with dresses: rows of one category lie together, and few of them in the lists nearest to queries
    of all categories. Lists alone, ten times as many where one row in ten passes, find .78 and .73 of them here."""
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 2000)
    monkeypatch.setattr(segment, "SAMPLED_QUERIES", 200)
    random = np.random.default_rng(0)
    of = random.integers(0, 500, 20_000)
    vectors = random.normal(size=(500, 64))[of] + 0.15 * random.normal(size=(20_000, 64))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    kind = [f"k{cluster // 50}" for cluster in of]
    index = Index.create(tmp_path / "index", vectors, names(20_000), pa.table({"kind": kind}), model=MODEL)
    assert index.state.segments[0].probes == 1
    queries = vectors[random.choice(20_000, 50, replace=False)]
    for passing, share in (({"k3"}, 0.95), ({"k1", "k2", "k5", "k7", "k8"}, 0.87)):
        where = f"kind in ({', '.join(repr(one) for one in sorted(passing))})"
        assert recall(index, vectors, queries, where, [one in passing for one in kind]) > share


def test_few_passing_rows_are_searched_exactly(clustered):
    index, vectors = clustered
    allowed = [row < 30 for row in range(5000)]
    assert recall(index, vectors, unit(20, seed=6), "price < 30", allowed) == 1


def test_approximate_scores_are_those_of_the_stored_vectors(clustered):
    index, _ = clustered
    hits = index.search(unit(3, seed=6), 10)
    for number, ids in enumerate(hits.ids):
        own = [float((index.vector(name) * unit(3, seed=6)[number]).sum()) for name in ids]
        np.testing.assert_allclose(hits.scores[number], own, atol=1e-6)
        assert (np.diff(hits.scores[number]) <= 0).all()


def test_approximate_search_finds_all_where_the_near_lists_hold_too_few(clustered):
    index, _ = clustered
    assert index.search(unit(2), 5000).rows.shape == (2, 5000)
    assert sorted(index.search(unit(1), 5000).rows[0].tolist()) == list(range(5000))


def test_removed_rows_are_not_found_approximately(clustered):
    index, _ = clustered
    first = index.search(unit(1), 10).ids[0]
    index.remove(first)
    assert not {*index.search(unit(1), 10).ids[0]} & {*first}
    assert index.search(unit(1), 4990).rows.shape == (1, 4990)


def test_the_recall_that_is_told_is_that_of_queries_it_was_not_chosen_by(tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 2000)
    queries, said = unit(200, seed=7), []
    index = Index.create(
        tmp_path / "index", unit(2000), names(2000), model=MODEL, queries=queries, progress=said.append
    )
    assert recall(index, unit(2000), queries[:100]) >= 0.95
    told = recall(index, unit(2000), queries[100:])
    assert f"and {told:.3f} by 200 queries" in said[0] and "by sampled rows" in said[0]
    assert index.state.segments[0].recall <= told


def test_queries_that_lie_elsewhere_than_rows_find_their_share_too(tmp_path, monkeypatch):
    """Rows lie in tight clusters, of which one list holds a row's neighbours; queries, as words do, between them."""
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 2000)
    monkeypatch.setattr(segment, "SAMPLED_QUERIES", 200)
    random = np.random.default_rng(0)
    rows = unit(100, 32)[random.integers(0, 100, 5000)] + 0.05 * random.standard_normal((5000, 32))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    queries, asked = unit(200, 32, seed=3), unit(100, 32, seed=4)
    alone = Index.create(tmp_path / "alone", rows, names(5000), model=MODEL)
    assert recall(alone, rows, asked) < 0.9
    index = Index.create(tmp_path / "index", rows, names(5000), model=MODEL, queries=queries)
    assert recall(index, rows, asked) > 0.92  # of 1,000 neighbours: the standard error is under .01
    index.remove(["货1", "货2"])
    index.compact()  # the queries are kept, and tune again
    left = rows[[row for row in range(5000) if row not in (1, 2)]]
    assert recall(index, left, asked) > 0.92
    assert Index.open(index.place).state.queries == index.state.queries
    index.verify()


def test_full_recall_means_exact_search(tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 2000)
    index = Index.create(tmp_path / "index", unit(300), names(300), model=MODEL, recall=1, storage="float32")
    assert index.search(unit(3, seed=1), 5).rows.tolist() == slow_search(unit(300), unit(3, seed=1), 5)


def test_recall_of_counts_shared_rows():
    # of {0, 1} and {2, 3}, found are 1 and both: 3 of 4
    assert approximate.recall_of(np.array([[1, 7], [3, 2]]), np.array([[0, 1], [2, 3]])) == 0.75
