from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motet.data import infer_schema, labels, make_folds, make_split, read_table
from motet.data.splits import joined
from motet.errors import TableError, UsageError


def split_of(columns, seed=0, **options):
    sizes = {name: options.pop(name) for name in ("test_size", "validation_size") if name in options}
    table = read_table({"t": columns.pop("t", [f"text {i}" for i in range(len(columns["y"]))])} | columns)
    schema = infer_schema(table, label="y", text=["t"], **options)
    return make_split(table, schema, labels(table, schema), seed=seed, **sizes)


def sides_of(split):
    return [side.tolist() for side in (split.train, split.validation, split.test)]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 8), st.integers(0, 12)),
        min_size=2,
        max_size=60,
    ).filter(lambda rows: len({label for label, _, _ in rows if label}) > 1),
    st.integers(0, 3),
)
def test_disjoint_covering_unbroken_and_repeatable(rows, seed):
    y, groups, texts = map(list, zip(*rows, strict=True))
    columns = {"y": y, "g": [f"group {g}" for g in groups], "t": [f"text {t}" for t in texts]}
    try:
        split = split_of(dict(columns), seed, group="g")
    except TableError as error:
        assume("group column 'g' has" not in str(error))
        raise
    sides = sides_of(split)
    together = [*sides[0], *sides[1], *sides[2]]
    assert sorted(together) == [row for row, label in enumerate(y) if label is not None]
    assert len(set(together)) == len(together) and all(side == sorted(side) for side in sides)
    for key in (groups, texts):
        held = [{key[row] for row in side} for side in sides]
        assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    assert sides == sides_of(split_of(dict(columns), seed, group="g"))
    assert len(split.train) > 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.integers(0, 5))
def test_every_class_is_where_it_has_room(counts, seed):
    y = [f"class {c}" for c, n in enumerate(counts) for _ in range(n)]
    split = split_of({"y": y}, seed)
    for number, count in enumerate(counts):
        held = [sum(y[row] == f"class {number}" for row in side) for side in sides_of(split)]
        if count >= 3:
            # 15 % of the class on each side, rounded, and one at least
            share = max(1, round(count * 0.15))
            assert held == [count - 2 * share, share, share]
        elif max(counts) >= 3:
            assert held == [count, 0, 0]
        elif count == 1:  # a side that would be empty is given no lonely row
            assert held == [1, 0, 0]
    if 1 in counts:
        assert any("one row" in note for note in split.notes)


def test_sizes():
    y = ["a", "b"] * 100
    assert [len(s) for s in sides_of(split_of({"y": y}, test_size=0.0))] == [170, 30, 0]
    assert [len(s) for s in sides_of(split_of({"y": y}, test_size=0.3, validation_size=0.2))] == [100, 40, 60]
    for wrong in ({"test_size": 0.6, "validation_size": 0.4}, {"test_size": -0.1}):
        with pytest.raises(UsageError, match="leave rows"):
            split_of({"y": y}, **wrong)


def test_groups_that_hold_every_class():
    # six speakers, each of whom says every digit: the sides are whole speakers, and none is empty
    y = [str(i % 10) for i in range(1200)]
    group = [f"speaker {i // 200}" for i in range(1200)]
    split = split_of({"y": y, "g": group}, group="g")
    assert [len(side) for side in sides_of(split)] == [800, 200, 200]


def test_rows_without_inputs_are_not_copies_of_each_other():
    split = split_of({"y": ["a", "b"] * 20, "t": [None] * 40})
    assert [len(side) for side in sides_of(split)] == [28, 6, 6]


def test_a_split_column_is_followed():
    side = ["Train", "training", "val", "valid", "validation", "dev", "test", "TEST "]
    split = split_of({"y": ["a", "b"] * 4, "split": side}, split="split")
    assert sides_of(split) == [[0, 1], [2, 3, 4, 5], [6, 7]]


def test_a_split_column_without_validation_or_test():
    split = split_of({"y": ["a", "b"] * 20, "s": ["train"] * 40}, split="s")
    assert [len(side) for side in sides_of(split)] == [34, 6, 0]
    assert any("no test" in note for note in split.notes) and any("taken" in note for note in split.notes)


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (["train", "holdout", "test", "test"], "row 1: it says 'holdout'"),
        (["train", None, "test", "test"], "row 1: it is empty"),
        (["test"] * 4, "no train rows"),
    ],
)
def test_a_split_column_that_cannot_be_followed(side, words):
    with pytest.raises(TableError, match=words):
        split_of({"y": ["a", "b"] * 2, "s": side}, split="s")


@pytest.mark.parametrize(
    ("group", "said"),
    [(["one"] * 30, "'g' has 1 group: "), (["x", "y", "z"] * 10, "'g' has 3 groups, which keep each class")],
)
def test_groups_that_keep_every_class_in_one_piece_are_refused(group, said):
    columns = {"y": ["a", "b", "c"] * 10, "g": group, "t": [f"text {n}" for n in range(30)]}
    with pytest.raises(TableError, match=said):
        split_of(columns, group="g")
    assert len(split_of(columns, group="g", test_size=0.0, validation_size=0.0).train) == 30


def test_a_split_column_may_not_part_a_group():
    with pytest.raises(TableError, match="group 'g1'"):
        split_of({"y": ["a", "b"], "s": ["train", "test"], "g": ["g1", "g1"]}, split="s", group="g")


def test_rows_without_a_label_are_counted():
    split = split_of({"y": ["a", None, "b", None]})
    assert (
        sorted([*split.train, *split.validation, *split.test]) == [0, 2]
        and "2 rows without a label" in split.notes[0]
    )


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25))
def testjoined_is_the_transitive_closure(pairs):
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    linked = np.eye(len(pairs), dtype=int) | (first[:, None] == first) | (second[:, None] == second)
    for _ in pairs:
        linked = (linked @ linked > 0).astype(int)
    units = joined(first, second)
    np.testing.assert_array_equal(units[:, None] == units, linked > 0)


def test_classes_that_the_split_column_never_trains_are_named():
    y = ["a", "b", "a", "b", "c", "a"]
    where = ["train", "train", "val", "test", "test", "test"]
    split = split_of({"y": y, "s": where}, split="s")
    assert "classes in test rows alone, which cannot be learned: 'c'" in split.notes


ODD = [*["train"] * 6, "tset", *["test"] * 2, "holdout"]


def test_a_column_that_is_nearly_a_split_is_noted():
    columns = {"y": ["a", "b"] * 5, "Split": ODD}
    (note,) = [n for n in split_of(dict(columns)).notes if "looks like a split" in n]
    assert "column 'Split'" in note and "row 6 says 'tset'" in note and "such rows (2)" in note
    with pytest.raises(TableError, match=r"row 6.*'tset'"):
        split_of(dict(columns), split="Split")


@pytest.mark.parametrize(
    "columns",
    [
        {"split": ["train", "test"] * 5},  # followed
        {"split": ["banana", "peas"] * 5},  # something else
        {"part": ODD},
    ],
)
def test_other_columns_are_not_noted_as_splits(columns):
    assert not [n for n in split_of({"y": ["a", "b"] * 5, **columns}).notes if "looks like" in n]


def test_copies_across_the_sides_of_a_given_split_are_counted():
    texts = ["one", "one", "two", "three", "three", "three", "four", "five"]
    sides = ["train", "test", "train", "train", "train", "test", "validation", "test"]
    columns = {"y": ["a", "b"] * 4, "s": sides, "t": texts}
    (note,) = split_of(dict(columns), split="s").notes
    assert note.startswith("split column 's' has 2 groups of exact duplicates (5 rows) across train")
    columns["t"] = ["one", "one", *map(str, range(6))]
    columns["s"] = ["train", "train", *sides[2:]]
    assert split_of(columns, split="s").notes == ()


def test_copies_stay_together_where_validation_rows_are_taken_from_train():
    sides = ["train"] * 16 + ["test"] * 4
    texts = [f"text {i // 4}" for i in range(16)] + ["x", "y", "z", "w"]
    split = split_of({"y": ["a", "b"] * 10, "s": sides, "t": texts}, split="s", validation_size=0.3)
    assert len(split.validation) and all((split.validation // 4 == n).sum() in (0, 4) for n in range(4))


groups = st.one_of(
    # control characters are mended away when a table is read: a group of nothing else is blank
    st.none(),
    st.sampled_from(["p1", " p1", "p1 ", "p2", "病人", "", " "]),
    st.text("pq病1 ", max_size=2),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), groups, st.integers(0, 30)), min_size=4, max_size=60).filter(
        lambda rows: len({label for label, _, _ in rows}) > 1
    ),
    st.integers(2, 5),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_group_is_on_two_sides_nor_in_two_folds(rows, count, seed, given_sides):
    """Also where validation rows are taken from the train rows of a split column; a blank value is no group."""
    y, named, texts = map(list, zip(*rows, strict=True))
    bare = [(value or "").strip() for value in named]
    columns = {"y": y, "g": named, "t": [f"text {t}" for t in texts]}
    options = {}
    if given_sides:
        # whole groups are tested: those of the first value there is
        tested = next(iter(value for value in bare if value), None)
        columns["s"] = ["test" if value == tested else "train" for value in bare]
        options["split"] = "s"
    try:
        split = split_of(columns, seed, group="g", **options)
    except TableError as error:
        assume("group column 'g' has" not in str(error) and "no train rows" not in str(error))
        raise
    fitted = np.concatenate([split.train, split.validation])
    classes = np.array(["abc".index(label) for label in y])
    folds = make_folds(split.units[fitted], classes[fitted], count=count, seed=seed)
    places = {int(row): f"fold {fold}" for row, fold in zip(fitted, folds, strict=True)}
    sides = {int(row): n for n, side in enumerate(sides_of(split)) for row in side}
    for value in set(bare) - {""}:
        mine = [row for row in range(len(rows)) if bare[row] == value]
        assert len({sides[row] for row in mine}) == 1
        assert len({places.get(row) for row in mine}) == 1


def test_rows_without_a_group_are_parted():
    split = split_of({"y": ["a", "b"] * 20, "g": [None, " "] * 20}, group="g")
    assert [len(side) for side in sides_of(split)] == [28, 6, 6]
