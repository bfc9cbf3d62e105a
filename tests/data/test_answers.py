"""Reference answers: how they are read, compared, counted, and what a vocabulary leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.data import infer_schema, read_table
from motet.data.answers import Answers, answer_vocabulary, count_answers, read_answers
from motet.data.normalised_answers import normalised_answer
from motet.errors import TableError, UsageError


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Yes", "yes"),
        ("  a   Red  Ball. ", "red ball"),
        ("two", "2"),
        ("None", "0"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        ("yes/no", "yes no"),
        ("red, blue", "red, blue"),  # a comma inside an answer stays
        ("(left)", "left"),
        ("A", "a"),  # an answer of nothing but an article is that answer
        ("?", "?"),
        ("两个。", "两个"),
        ("ＹＥＳ", "yes"),
        ("don’t know", "don't know"),
        ("‘left’", "left"),
        ("-1", "-1"),  # a sign makes another number
        ("−1.5", "-1.5"),
        ("(-2)", "-2"),
        ("3-4", "3 4"),
        ("well-known", "well known"),
    ],
)
def test_answers_are_compared_as_the_vqa_evaluation_compares_them(written: str, compared: str) -> None:
    assert normalised_answer(written) == compared


@given(st.text(max_size=30))
def test_what_is_compared_is_never_empty_where_something_is_written(text: str) -> None:
    assert bool(normalised_answer(text)) == bool(text.strip())
    assert normalised_answer(f" {text} ") == normalised_answer(text)


def answers(table: dict[str, list[Any]], *columns: str) -> Answers:
    read = read_table(table)
    return read_answers(read, infer_schema(read, question=["q"], answer=columns))


def test_several_columns_and_lists_are_several_references() -> None:
    found = answers(
        {"q": ["a?"] * 3, "one": ["red", "", " blue, green "], "two": [["red", "2"], None, ["x"]]},
        "one",
        "two",
    )
    assert found.written == (("red", "red", "2"), (), ("blue, green", "x"))
    assert found.several


def test_a_csv_holds_a_list_as_json_and_vqa_records_are_read() -> None:
    found = answers({"q": ["a?"] * 4, "a": ['["yes", "no, never", 3]', "[not json", "5", "[]"]}, "a")
    assert found.written == (("yes", "no, never", "3"), ("[not json",), ("5",), ())
    records = answers({"q": ["a?"], "a": [[{"answer": "net"}, {"answer": "a net"}]]}, "a")
    assert records.written == (("net", "a net"),)


def test_the_most_common_answer_is_told_as_it_is_written() -> None:
    found = answers({"q": ["a?"] * 2, "a": ['["two", "Yellow", "yellow", "no"]', '["b", "a"]']}, "a")
    assert [found.most_common(row) for row in (0, 1)] == ["Yellow", "b"]


def test_numbers_in_lists_are_written_in_full() -> None:
    found = answers({"q": ["a?"] * 2, "a": ["[1234567.0, 1234568.0, 2.5]", "[3]"]}, "a")
    assert found.written == (("1234567", "1234568", "2.5"), ("3",))


def test_an_answer_that_is_neither_text_nor_number_is_an_issue() -> None:
    found = answers({"q": ["a?"] * 2, "a": ['[["nested"], "yes"]', "no"]}, "a")
    assert found.written == ((), ("no",))
    assert [issue.row for issue in found.issues] == [0]


@pytest.mark.parametrize(
    "cell", ['{"a": 1}', '["a"', "['red', 'blue']", '[{"a": 1}]', "[[1, 2]]", '{"answer": ["a"]}', '["a"] b']
)
def test_a_cell_that_is_meant_as_a_list_and_is_none_is_an_issue_and_no_answer(cell: str) -> None:
    found = answers({"q": ["a?"] * 2, "a": [cell, "no"]}, "a")
    assert found.written == ((), ("no",))
    assert [(issue.row, issue.column, issue.broken) for issue in found.issues] == [(0, "a", True)]


@pytest.mark.parametrize("cell", ["[laughs]", "{x}", "[", "[5] or so", "{", "(a)"])
def test_an_answer_in_brackets_is_an_answer(cell: str) -> None:
    found = answers({"q": ["a?"] * 2, "a": [cell, "no"]}, "a")
    assert found.written == ((cell,), ("no",)) and not found.issues


def test_a_record_and_a_list_of_numbers_are_answers() -> None:
    found = answers({"q": ["a?"] * 2, "a": ['{"answer": "net"}', "[1, 2]"]}, "a")
    assert found.written == (("net",), ("1", "2")) and not found.issues


def test_no_answer_column_is_said() -> None:
    read = read_table({"q": ["a?"]})
    with pytest.raises(UsageError, match="--answer"):
        read_answers(read, infer_schema(read, question=["q"]))


def test_a_vocabulary_is_spelled_as_it_is_mostly_written_and_counts_what_it_leaves_out() -> None:
    found = Answers((("Yes.", "yes", "yes"), ("two", "2", "no"), ("2",), ("rare",), ("rarer",)))
    made = answer_vocabulary(found, np.arange(5), 2)
    assert made.answers == ("2", "yes")  # three times each: in the order of the compared form
    assert made.counts == (3, 3)
    assert (made.left_out, made.left_out_count) == (3, 3)
    counts = count_answers(found, made.answers)
    assert counts.common.tolist() == [1, 0, 0, -2, -3]
    np.testing.assert_array_equal(counts.dense(np.arange(5)), [[0, 3], [2, 0], [1, 0], [0, 0], [0, 0]])
    assert counts.totals.tolist() == [3, 3, 1, 1, 1]
    assert counts.unseen_share(np.arange(5)) == pytest.approx(3 / 9)
    assert counts.unseen_share(np.arange(0)) == 0


def test_one_answer_in_all_rows_teaches_nothing() -> None:
    with pytest.raises(TableError, match="the one answer 'yes'"):
        answer_vocabulary(Answers((("yes",), ("Yes",))), np.arange(2), 10)


WORDS = st.sampled_from(["yes", "No", "two", "2", "red, blue", "x"])


@given(st.lists(st.lists(WORDS, max_size=5).map(tuple), min_size=1, max_size=12), st.integers(1, 4))
def test_counts_are_those_of_counting_one_by_one(rows: list[tuple[str, ...]], most: int) -> None:
    found = Answers(tuple(rows))
    vocabulary = ["yes", "no", "2", "red, blue"][:most]
    counts = count_answers(found, vocabulary)
    for row, said in enumerate(rows):
        wanted = [sum(normalised_answer(text) == name for text in said) for name in vocabulary]
        assert counts.dense(np.array([row]))[0].tolist() == wanted
        assert counts.known[row] == (sum(wanted) > 0)
        assert (counts.common[row] == -1) == (not said)
