"""Metrics of captions: hand-computed examples, slow references, and what is counted as wrong."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data.duplicates import normalised_digests
from motet.evaluation.bleu import bleu, bleu_counts
from motet.evaluation.caption_words import caption_words
from motet.evaluation.captions import caption_faults, caption_metrics, caption_scores, loops
from motet.evaluation.cider import cider_d
from motet.evaluation.rouge import longest_common, rouge_l

WORDS = st.lists(st.sampled_from(["a", "dog", "cat", "on", "the", "mat"]), min_size=0, max_size=9)
SOME = st.lists(WORDS.filter(bool), min_size=1, max_size=3)


def test_words_are_those_of_each_script() -> None:
    assert caption_words("A dog's BALL, tri-colored .") == ("a", "dog's", "ball", "tri", "colored")
    assert caption_words("两只狗在路上。２ dogs") == ("两", "只", "狗", "在", "路", "上", "2", "dogs")
    assert caption_words(" . ") == ()


def test_bleu_by_hand() -> None:
    """Papineni et al., 2002, example 2: `the` is counted twice at most; and a sentence that is too short."""
    said = ["the"] * 7
    references = [["the", "cat", "is", "on", "the", "mat"], ["there", "is", "a", "cat", "on", "the", "mat"]]
    assert bleu(bleu_counts(said, references)) == pytest.approx([2 / 7, 0, 0, 0])
    # p1 = p2 = 1 and no longer n-gram; two words against three: exp(1 - 3 / 2)
    short = bleu(bleu_counts(["the", "cat"], [["the", "cat", "sat"]]))
    assert short == pytest.approx([math.exp(-0.5), math.exp(-0.5), 0, 0])
    # the nearest lengths are 2 and 4 words: the shorter counts
    assert bleu_counts(["a", "b", "c"], [["a"] * 4, ["a"] * 2])[-1] == 2
    assert bleu(bleu_counts([], [["a"]])) == pytest.approx([0, 0, 0, 0])


@given(st.lists(st.tuples(WORDS, SOME), min_size=1, max_size=4))
def test_bleu_is_that_of_loops(corpus: list[tuple[list[str], list[list[str]]]]) -> None:
    wanted, product = [], 1.0
    length = sum(len(said) for said, _ in corpus)
    nearest = sum(min((abs(len(r) - len(said)), len(r)) for r in several)[1] for said, several in corpus)
    penalty = 0.0 if length == 0 else min(1.0, math.exp(1 - nearest / length))
    for n in range(1, 5):
        right = total = 0
        for said, several in corpus:
            grams = [tuple(said[i : i + n]) for i in range(len(said) - n + 1)]
            total += len(grams)
            for gram in set(grams):
                most = max(sum(tuple(r[i : i + n]) == gram for i in range(len(r) - n + 1)) for r in several)
                right += min(grams.count(gram), most)
        product *= right / total if total else 0.0
        wanted.append(penalty * product ** (1 / n))
    counts = np.sum([bleu_counts(said, several) for said, several in corpus], axis=0)
    assert bleu(counts) == pytest.approx(wanted, abs=1e-12)


def test_rouge_by_hand() -> None:
    """Lin, 2004: three of four words in order; and the best precision and recall of two references."""
    assert rouge_l(
        ["police", "kill", "the", "gunman"], [["police", "killed", "the", "gunman"]]
    ) == pytest.approx(0.75)
    # P = 2 / 2 by the second, R = 2 / 2 by the second: 1
    assert rouge_l(["a", "b"], [["a", "c", "d", "e"], ["a", "b"]]) == pytest.approx(1)
    # P = 1, R = 1 / 2: (1 + 1.44) * 0.5 / (0.5 + 1.44)
    assert rouge_l(["a"], [["a", "b"]]) == pytest.approx(2.44 * 0.5 / 1.94)
    assert rouge_l([], [["a"]]) == rouge_l(["b"], [["a"]]) == 0


@given(WORDS, WORDS)
def test_the_longest_common_subsequence_is_that_of_recursion(one: list[str], other: list[str]) -> None:
    def slow(i: int, j: int) -> int:
        if i == len(one) or j == len(other):
            return 0
        if one[i] == other[j]:
            return 1 + slow(i + 1, j + 1)
        return max(slow(i + 1, j), slow(i, j + 1))

    one, other = one[:6], other[:6]
    assert longest_common(one, other) == slow(0, 0)


def test_cider_by_hand() -> None:
    """Two pictures, so that `a`, which both have, weighs log(2 / 2) = 0, and all else log 2."""
    references = [[["a", "dog"]], [["a", "cat"]]]
    # n = 1: dog alone, 1; n = 2: 1; n = 3, 4: nothing. 10 * (1 + 1) / 4
    assert cider_d([["a", "dog"], ["a", "dog"]], references) == pytest.approx([5, 0])
    # n = 1: min(2, 1) * 1 / (2 * 1) = 1 / 2; n = 2: of `a dog`, `dog dog` one: 1 / sqrt 2; one word too long
    wanted = 10 / 4 * (1 / 2 + 1 / math.sqrt(2)) * math.exp(-1 / 72)
    assert cider_d([["a", "dog", "dog"], []], references) == pytest.approx([wanted, 0])
    assert cider_d([["a", "dog"]], references[:1]) == pytest.approx([0])  # nothing is rare among one picture


@settings(max_examples=50)
@given(st.lists(st.tuples(WORDS, SOME), min_size=2, max_size=4))
def test_cider_is_that_of_vectors(corpus: list[tuple[list[str], list[list[str]]]]) -> None:
    """Equation 4 of Vedantam et al., 2015, over vectors of all n-grams there are."""

    def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    wanted = []
    for said, several in corpus:
        score = 0.0
        for n in range(1, 5):
            known = sorted({g for s, rs in corpus for words in (s, *rs) for g in grams(words, n)})
            df = [sum(any(g in grams(r, n) for r in rs) for _, rs in corpus) for g in known]
            idf = np.log(len(corpus) / np.maximum(1, df)) if known else np.zeros(0)

            def vector(words: list[str], n: int = n, known: list[tuple[str, ...]] = known) -> np.ndarray:
                counted = Counter(grams(words, n))
                return np.array([counted[g] for g in known], float)

            mine = vector(said) * idf
            for reference in several:
                theirs = vector(reference) * idf
                norms = np.linalg.norm(mine) * np.linalg.norm(theirs)
                if norms > 0:
                    gap = math.exp(-((len(said) - len(reference)) ** 2) / (2 * 6**2))
                    score += gap * np.minimum(mine, theirs) @ theirs / norms / len(several)
        wanted.append(10 * score / 4)
    found = cider_d([said for said, _ in corpus], [several for _, several in corpus])
    assert found == pytest.approx(wanted, abs=1e-9)


def test_intervals_hold_the_value_and_follow_from_the_seed() -> None:
    said = ["a dog runs", "two cats sleep on a bed", "a red car", ""]
    references = [["a dog is running"], ["two cats sleeping on a bed", "cats"], ["a blue car"], ["a bird"]]
    scores = caption_scores(said, references)
    found = caption_metrics(scores, seed=1)
    assert set(found) == {"cider_d", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"}
    for metric in found.values():
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert found == caption_metrics(scores, seed=1)
    same = caption_metrics(caption_scores(["一只狗在跑"] * 2, [["一只狗在跑。"], ["一只狗在跑"]]))
    assert same["bleu_4"]["value"] == same["rouge_l"]["value"] == pytest.approx(1)


def test_loops_and_what_only_looks_like_them() -> None:
    for said in ("a dog and and a cat", "a dog a dog", "on the bed on the bed .", "好好好狗", "一只狗一只狗"):
        assert loops(caption_words(said)), said
    for said in ("a man in red and a man in blue", "妈妈和爸爸", "", "a dog"):
        assert not loops(caption_words(said)), said


def test_what_is_wrong_is_counted() -> None:
    digests = normalised_digests(["A dog runs .", " . "])
    found = caption_faults(["a dog runs", "a dog runs", "", "a a dog", "."], digests)
    assert found == {"empty": 2, "repeated": 1, "copied": 2, "different": 3, "words": 9 / 5}
