"""Small changes of a text that mostly leave its meaning: each is a function of (text, generator, share).

Wei & Zou, "EDA: Easy Data Augmentation Techniques", arXiv 1901.11196: words are dropped, swapped, or replaced by
synonyms, a share of them, at least one. A word is what stands between spaces; in a script that is written without, each
character is one. Characters are what a reader sees as one: marks and joiners stay with what they belong to, so that no
pair of surrogates and no joined emoji is taken apart.

None empties a text: what has nothing to change comes back as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from motet.data.scripts import UNSPACED

Change = Callable[[str, np.random.Generator, float], str]
Synonyms = Callable[[str], Sequence[str]]  # of one word in small letters; empty where there are none

LONGEST_UNSPACED = 6  # characters of a word that is looked for in unspaced text
_OTHER_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_UNSPACED = re.compile(f"[{UNSPACED}{_OTHER_UNSPACED}]")
_SPACED = rf"[^\W_{UNSPACED}{_OTHER_UNSPACED}]+"
_WORD = re.compile(rf"{_SPACED}(?:['’-]{_SPACED})*")
_JOINER = "\u200d"
_HIGH, _LOW = ("\ud800", "\udbff"), ("\udc00", "\udfff")


def characters(text: str) -> list[str]:
    """The text cut into what a reader sees as one character each: marks, joiners and surrogates stay together."""
    if text.isascii():
        return list(text)
    made: list[str] = []
    for one in text:
        if made and (
            unicodedata.category(one).startswith("M")
            or one == _JOINER
            or made[-1].endswith(_JOINER)
            or "\U0001f3fb" <= one <= "\U0001f3ff"  # the skin of the emoji before
            or (_LOW[0] <= one <= _LOW[1] and _HIGH[0] <= made[-1][-1] <= _HIGH[1])
        ):
            made[-1] += one
        else:
            made.append(one)
    return made


def drop(text: str, random: np.random.Generator, share: float) -> str:
    """Some words left out; one always stays."""
    gaps, words = _words(text)
    if len(words) < 2:
        return text
    gone = set(_some(len(words), share, random, most=len(words) - 1))
    made, gap = [], gaps[0]
    for number, word in enumerate(words):
        after = gaps[number + 1]
        if number in gone:
            # Of two gaps that meet, the one that parts more stays: a new line before a space.
            gap = max(gap, after, key=lambda one: ("\n" in one, len(one)))
        else:
            made += [gap, word]
            gap = after
    return "".join([*made, gap]).strip()


def swap(text: str, random: np.random.Generator, share: float) -> str:
    """Pairs of words change places; the spaces between them stay."""
    gaps, words = _words(text)
    if len(words) < 2:
        return text
    for _ in range(_count(len(words), share)):
        one, other = random.choice(len(words), 2, replace=False)
        words[one], words[other] = words[other], words[one]
    return gaps[0] + "".join(word + gap for word, gap in zip(words, gaps[1:], strict=True))


def replace_synonyms(text: str, random: np.random.Generator, share: float, *, synonyms: Synonyms) -> str:
    """Some of the words that have synonyms are replaced by one; in unspaced text the longest words that have."""
    spans = [(m.start(), m.end()) for m in _WORD.finditer(text) if _others(m.group(), synonyms)]
    begin = 0
    while begin < len(text):
        length = next(
            (
                n
                for n in range(min(LONGEST_UNSPACED, len(text) - begin), 0, -1)
                if _UNSPACED.match(text[begin]) and _others(text[begin : begin + n], synonyms)
            ),
            0,
        )
        if length:
            spans.append((begin, begin + length))
        begin += length or 1
    if not spans:
        return text
    for number in sorted(_some(len(spans), share, random), key=lambda k: spans[k], reverse=True):
        start, end = spans[number]
        word = text[start:end]
        others = _others(word, synonyms)
        other = others[int(random.integers(len(others)))]
        text = text[:start] + (other[:1].upper() + other[1:] if word[0].isupper() else other) + text[end:]
    return text


def drop_characters(text: str, random: np.random.Generator, share: float) -> str:
    """Some characters left out; one that is no space always stays."""
    cut = characters(text)
    seen = [place for place, one in enumerate(cut) if not one.isspace()]
    if len(seen) < 2:
        return text
    gone = {seen[k] for k in _some(len(seen), share, random, most=len(seen) - 1)}
    return "".join(one for place, one in enumerate(cut) if place not in gone)


def swap_characters(text: str, random: np.random.Generator, share: float) -> str:
    """Some characters change places with the next; spaces stay where they are."""
    cut = characters(text)
    pairs = [k for k in range(len(cut) - 1) if not cut[k].isspace() and not cut[k + 1].isspace()]
    if not pairs:
        return text
    for k in _some(len(pairs), share, random):
        at = pairs[k]
        cut[at], cut[at + 1] = cut[at + 1], cut[at]
    return "".join(cut)


def double_characters(text: str, random: np.random.Generator, share: float) -> str:
    """Some characters stand twice."""
    cut = characters(text)
    seen = [place for place, one in enumerate(cut) if not one.isspace()]
    if not seen:
        return text
    for k in _some(len(seen), share, random):
        cut[seen[k]] *= 2
    return "".join(cut)


def with_synonyms(synonyms: Synonyms) -> Change:
    """`replace_synonyms` with these synonyms."""
    return partial(replace_synonyms, synonyms=synonyms)


TEXT_CHANGES: Mapping[str, Change] = {
    "drop": drop,
    "swap": swap,
    "char-drop": drop_characters,
    "char-swap": swap_characters,
    "char-double": double_characters,
}


def _words(text: str) -> tuple[list[str], list[str]]:
    """Gaps [n + 1] of white space (or nothing) and the words [n] between them."""
    gaps, words, last_spaced = [""], [], False
    for one in characters(text):
        if one.isspace():
            gaps[-1] += one
            last_spaced = False
        elif _UNSPACED.match(one):
            words.append(one)
            gaps.append("")
            last_spaced = False
        elif last_spaced:
            words[-1] += one
        else:
            words.append(one)
            gaps.append("")
            last_spaced = True
    return gaps, words


def _others(word: str, synonyms: Synonyms) -> list[str]:
    small = word.casefold()
    return [other for other in synonyms(small) if other.strip() and other.casefold() != small]


def _count(number: int, share: float) -> int:
    return max(1, round(number * share))


def _some(number: int, share: float, random: np.random.Generator, *, most: int | None = None) -> list[int]:
    """Different places below `number`, a share of them, at least one."""
    count = min(_count(number, share), number if most is None else most)
    return [int(place) for place in random.choice(number, count, replace=False)]
