"""What a label column is read as."""

from __future__ import annotations

import numpy as np
import pytest

from motet.data import audit, encode_target, infer_schema, make_split, read_table, read_target, row_weights
from motet.data.targets import label_notes
from motet.errors import TableError, UsageError


def schema_of(table):
    return infer_schema(table, label="y", text=("t",), target="number")


def numbers(values):
    table = read_table({"y": values, "t": [f"row {i} of some words" for i in range(len(values))]})
    return table, schema_of(table)


def test_numbers_are_read_in_full_precision_and_others_are_told():
    table, schema = numbers(["1,234,567.25", "-1e3", "", "n/a", "about 5", None, "0.1"])
    found = read_target(table, schema, "number")
    np.testing.assert_array_equal(found.truth, [1234567.25, -1000, *[np.nan] * 4, 0.1])
    assert (found.values == [0, 0, -1, -1, -1, -1, 0]).all()
    assert found.kind == "number" and found.classes == ()
    assert [issue.row for issue in found.issues] == [4]
    assert label_notes(found, "y") == [
        "1 cell of label column 'y' left out, such as 'about 5' in row 4: not a number"
    ]


@pytest.mark.parametrize(
    "values,said", [(["a", "b"], "no number"), ([3, 3, None], "constant"), ([None], "no number")]
)
def test_a_column_that_teaches_nothing_is_refused(values, said):
    table, schema = numbers(values)
    with pytest.raises(TableError, match=said):
        read_target(table, schema, "number")
    assert encode_target(table, schema, "number", ()).kind == "number"  # to be measured it may be constant


def test_every_side_of_a_split_has_low_and_high_numbers():
    random = np.random.default_rng(0)
    values = np.exp(random.normal(size=400) * 2)
    table, schema = numbers(values.tolist())
    found = read_target(table, schema, "number")
    assert (np.bincount(found.values) == 40).all()
    split = make_split(table, schema, found)
    order = np.argsort(np.argsort(values)) / 400
    for side in (split.train, split.validation, split.test):
        assert order[side].mean() == pytest.approx(0.5, abs=0.03)
    assert split.notes == ()


def test_an_audit_reads_the_column_as_it_is_told_to():
    table, schema = numbers(["1.5", "2.25", "x", *map(str, range(60))])
    found = audit(table, schema, decode=False, target="number")
    assert found.classes is None and any("such as 'x' in row 2" in note for note in found.notes)
    assert not any(w["level"] == "error" for w in found.warnings)
    table, schema = numbers(["a", "b"])
    assert any(
        "no number" in w["message"] for w in audit(table, schema, decode=False, target="number").warnings
    )


def sets(values):
    table = read_table({"y": values, "t": [f"row {i} of some words" for i in range(len(values))]})
    return table, infer_schema(table, label="y", text=("t",), target="labels")


def test_sets_are_lists_or_separated_names():
    table, schema = sets(["b| a", "a;c", '["a|b", 3]', "[]", "", None, " | ", "[not json]", "a"])
    found = read_target(table, schema, "labels")
    assert found.classes == ("3", "a", "a|b", "b", "c")
    names = [{found.classes[k] for k in np.flatnonzero(row)} for row in found.truth]
    assert names == [{"a", "b"}, {"a", "c"}, {"a|b", "3"}, set(), set(), set(), set(), set(), {"a"}]
    assert (found.values >= 0).tolist() == [True, True, True, True, False, False, False, False, True]
    assert [issue.row for issue in found.issues] == [7]
    lists = read_target(*sets([["b", " a "], None, [], ["c", None]]), "labels")
    assert lists.classes == ("a", "b", "c") and lists.values.tolist() == [0, -1, 0, 0]


def test_sets_of_other_labels_keep_the_order_of_the_model():
    found = encode_target(*sets(["b|z", "a", "[]"]), "labels", ("b", "a"))
    assert found.classes == ("b", "a", "z")
    np.testing.assert_array_equal(found.truth, [[1, 0, 1], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "values,said", [(["a|b", "b;a"], "constant"), ([None, ""], "no label"), (["[]"], "no label")]
)
def test_sets_that_teach_nothing_are_refused(values, said):
    with pytest.raises(TableError, match=said):
        read_target(*sets(values), "labels")


def test_a_rare_label_is_on_every_side_of_a_split():
    random = np.random.default_rng(0)
    rare = random.permutation(400) < 40
    table, schema = sets(
        [
            ("often|rare" if r else "often") if random.random() < 0.7 else "[]" if not r else "rare"
            for r in rare
        ]
    )
    found = read_target(table, schema, "labels")
    split = make_split(table, schema, found)
    column = found.truth[:, found.classes.index("rare")]
    for side in (split.train, split.validation, split.test):
        assert column[side].mean() == pytest.approx(0.1, abs=0.02)
    assert split.notes == ()


def classes_of(values):
    table = read_table({"y": values, "t": [f"row {i} of some words" for i in range(len(values))]})
    return table, infer_schema(table, label="y", text=("t",))


@pytest.mark.parametrize("values", [[["a"], ["a", "b"], None], ['["a"]', "", '["a", "b"]'], [[1], [2], []]])
def test_lists_of_labels_are_no_classes_and_it_is_said_what_to_do(values):
    table, schema = classes_of(values)
    for read in (
        lambda: read_target(table, schema, "class"),
        lambda: encode_target(table, schema, "class", "ab"),
    ):
        with pytest.raises(TableError, match=r"'y' holds lists, such as .*--target labels.*multilabel=True"):
            read()
    assert any("--target labels" in w["message"] for w in audit(table, schema, decode=False).warnings)


def test_classes_that_join_names_are_told():
    """Three names make five of their combinations; four classes of eight names are just names with a separator."""
    joined = read_target(*classes_of(["a|b", "a", "b;c", "c|a", "b", "a"]), "class")
    (note,) = label_notes(joined, "y")
    assert "3 of 5 classes join names, such as 'a|b'" in note and "--target labels" in note
    assert not label_notes(read_target(*classes_of(["a|b", "c|d", "e;f", "g;h", "a|b"]), "class"), "y")


@pytest.mark.parametrize("written", ["{}.25", "{},25", "{}"])
def test_quantities_are_no_lists_of_labels(written):
    table = read_table({"y": [written.format(i) for i in range(60)], "t": ["a b"] * 60})
    with pytest.raises(UsageError, match=r"60 different numbers.*not a list of labels.*--target number"):
        infer_schema(table, label="y", text=("t",), target="labels")
    few = read_table({"y": [str(i % 5) for i in range(60)], "t": ["a b"] * 60})
    schema = infer_schema(few, label="y", text=("t",), target="labels")
    assert read_target(few, schema, "labels").classes == tuple("01234")


def test_an_empty_weight_is_called_empty():
    table = read_table({"y": ["a", "b"], "t": ["a b", "b c"], "w": [1.0, None]})
    schema = infer_schema(table, label="y", text=("t",), weight="w")
    with pytest.raises(TableError, match="row 1: the cell is empty; mend it"):
        row_weights(table, schema, np.arange(2))
