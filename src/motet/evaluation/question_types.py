"""What kind of question is asked: by its first words, or, where words are not parted, by its question word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

LEAST = 0.02  # share of the questions that a kind of its own must have
OTHER = "other"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Without Hangul: Korean parts its words, so that they are read as others are.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_ASKING = ("为什么", "什么", "多少", "几", "哪", "谁", "怎", "是否", "有没有", "吗")


def question_types(questions: Sequence[str]) -> list[str]:
    """The type of each question: its first two words where 2 % of all begin so, else its first, else `other`.

    So `what color`, `how many` and `is there` appear without a list of them, in any language that parts words. A
    question in Chinese is told by the question word that it holds.
    """
    begun = [_begins(question) for question in questions]
    least = max(2.0, LEAST * len(begun))
    pairs: Counter[tuple[str, ...]] = Counter(begin for begin in begun if len(begin) == 2)
    ones = Counter(begin[0] for begin in begun if begin and (len(begin) == 1 or pairs[begin] < least))
    made = []
    for begin in begun:
        if len(begin) == 2 and pairs[begin] >= least:
            made.append(" ".join(begin))
        else:
            made.append(begin[0] if begin and ones[begin[0]] >= least else OTHER)
    return made


def _begins(question: str) -> tuple[str, ...]:
    if _UNSPACED.search(question):
        return tuple(word for word in _ASKING if word in question)[:1]
    return tuple(
        found.group().casefold() for found, _ in zip(_WORD.finditer(question), range(2), strict=False)
    )
