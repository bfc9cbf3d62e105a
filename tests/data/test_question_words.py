"""Whether a question is like those that were learned."""

from __future__ import annotations

import pytest

from motet.data.question_words import MOST_WORDS, KnownQuestions, known_of, known_questions

KNOWN = known_of(["How many red squares are there?", "Is it blue?"])


@pytest.mark.parametrize("question", ["how many squares?", "IS there a green one?", "", " ", "12 red"])
def test_what_is_like_the_training_questions_is_no_issue(question: str) -> None:
    assert KNOWN.issue(question) is None


@pytest.mark.parametrize("question", ["有几个红色正方形？", "これは赤ですか", "сколько красных?"])
def test_another_script_is_told(question: str) -> None:
    assert "script" in (KNOWN.issue(question) or "")


def test_only_unknown_words_are_told() -> None:
    assert "none of its words" in (KNOWN.issue("combien de carrés rouges?") or "")
    assert "none of its words" in (known_of(["这是红色吗？"]).issue("几个？") or "")


def test_two_scripts_of_training_questions_are_both_known() -> None:
    both = known_of(["is it red?", "这是红色吗？"])
    assert both.scripts == ("chinese", "latin")
    assert both.issue("是红吗") is None and both.issue("is red") is None


@pytest.mark.parametrize("question", ["???", "  . ", "🟥"])
def test_a_question_without_a_word_is_told_but_where_all_were_such(question: str) -> None:
    assert "has no word" in (KNOWN.issue(question) or "")
    assert "has no word" in (known_questions({}).issue(question) or "")
    assert known_of(["?", "!"]).issue(question) is None


def test_many_words_are_not_kept_and_no_word_is_strange_then() -> None:
    many = known_of([f"word{i}" for i in range(MOST_WORDS + 1)])
    assert many.words is None and many.issue("unheard") is None


def test_it_is_what_the_manifest_says() -> None:
    assert known_questions({"questions": KNOWN.to_json()}) == KNOWN
    assert known_questions({}) == KnownQuestions((), None) and known_questions({}).issue("有") is None
