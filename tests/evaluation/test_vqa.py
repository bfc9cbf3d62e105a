"""The VQA score against its closed form and against leaving out one reference after the other; question types."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.evaluation import vqa_scores
from motet.evaluation.question_types import question_types


def test_ten_references_give_0_3_6_9_1() -> None:
    """With k matches of 10: (k min(1, (k-1)/3) + (10-k) min(1, k/3)) / 10."""
    scores = vqa_scores(np.arange(11), np.full(11, 10))
    np.testing.assert_allclose(scores, [0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1], atol=1e-12)


def test_one_reference_is_matched_or_not() -> None:
    assert vqa_scores(np.array([0, 1]), np.array([1, 1])).tolist() == [0, 1]


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_is_the_mean_over_leaving_out_each_reference(case: tuple[int, int]) -> None:
    matches, n = case
    said = [True] * matches + [False] * (n - matches)
    if n == 1:
        slow = float(matches)
    else:
        others = [sum(said[:i] + said[i + 1 :]) for i in range(n)]
        slow = sum(min(1, k / min(3, n - 1)) for k in others) / n
    assert vqa_scores(np.array([matches]), np.array([n]))[0] == pytest.approx(slow)


def test_scores_of_all_answers_of_a_vocabulary_at_once() -> None:
    counts = np.array([[4, 3, 0], [1, 0, 0]])
    np.testing.assert_allclose(vqa_scores(counts, np.array([10, 1])), [[1, 0.9, 0], [1, 0, 0]])


def test_types_are_first_words_that_are_frequent() -> None:
    asked = ["What color is it?", "what color was it"] * 20 + ["How many dogs?"] * 20 + ["Why?"] * 5
    asked += ["Whose hat is this?", ""]
    found = question_types(asked)
    assert set(found[:40]) == {"what color"}
    assert set(found[40:60]) == {"how many"}
    assert set(found[60:65]) == {"why"}
    assert found[65:] == ["other", "other"]


def test_chinese_questions_are_told_by_their_question_word() -> None:
    asked = ["图里有几个苹果？", "这是什么颜色？", "有苹果吗？"] * 4
    assert question_types(asked)[:3] == ["几", "什么", "吗"]
