from __future__ import annotations

import pytest

from motet.data import encode_labels, infer_schema, labels, read_table
from motet.errors import TableError


def made(values, **options):
    table = read_table({"t": [f"some words {i}" for i in range(len(values))], "y": values})
    schema = infer_schema(table, label="y", **options)
    return table, schema


@pytest.mark.parametrize(
    ("values", "classes", "numbers", "kind"),
    [
        (["b", "a", None, " b ", ""], ("a", "b"), [1, 0, -1, 1, -1], "string"),
        (["服装", "书", "服装"], ("书", "服装"), [1, 0, 1], "string"),
        ([10, 9, 10], ("9", "10"), [1, 0, 1], "integer"),
        ([1.0, None, 2.0], ("1", "2"), [0, -1, 1], "integer"),
        ([0.5, 1.5], ("0.5", "1.5"), [0, 1], "float"),
        ([True, False, True], ("false", "true"), [1, 0, 1], "boolean"),
        ([1, "1", "x"], ("1", "x"), [0, 0, 1], "string"),
    ],
)
def test_labels_of_every_type(values, classes, numbers, kind):
    found = labels(*made(values))
    assert (found.classes, found.values.tolist(), found.type) == (classes, numbers, kind)


@pytest.mark.parametrize(
    ("values", "words"),
    [([None, None], "empty"), (["", " "], "empty"), (["a", "a"], "constant"), ([1, None, 1], "constant")],
)
def test_labels_that_cannot_be_learned(values, words):
    with pytest.raises(TableError, match=words):
        labels(*made(values))


def test_a_missing_label_column():
    _, schema = made(["a", "b"])
    with pytest.raises(TableError, match="no label column 'y'"):
        labels(read_table({"t": ["x"]}), schema)


def test_unseen_labels_are_listed():
    table, schema = made(["a", "c", None, "b"])
    found = encode_labels(table, schema, ("b", "a"))
    assert found.values.tolist() == [1, -2, -1, 0]
    assert [(issue.row, issue.value) for issue in found.issues] == [(1, "c")]


@pytest.mark.parametrize(
    ("values", "classes", "numbers"),
    [
        (["1", "2.0", "3"], ("1", "2"), [0, 1, -2]),
        (["True", "FALSE"], ("false", "true"), [1, 0]),
        ([1.0, None, 2.0], ("1", "2"), [0, -1, 1]),
        ([True, False], ("False", "True"), [1, 0]),
    ],
)
def test_one_label_written_in_two_ways(values, classes, numbers):
    assert encode_labels(*made(values), classes).values.tolist() == numbers
