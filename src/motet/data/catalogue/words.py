"""A row's title and description: sentences from a small grammar, in English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from motet.data.catalogue.vocabulary import BRANDS, COLOUR_WORDS, GENERAL, NOUNS, QUALITIES

ENGLISH_TITLES = (
    "{brand} {noun}, {colour}",
    "{noun} by {brand} ({colour})",
    "{brand} {series} {noun}",
    "{colour} {noun} {series} - {brand}",
    "New: {brand} {noun} in {colour}",
)
CHINESE_TITLES = (
    "{brand}{colour}{noun}",
    "【{brand}】{noun} {colour}款",
    "{brand}{series}系列{noun}",
    "{noun}（{colour}）{brand}出品",
    "新品 {brand}{noun}{colour}",
)
ENGLISH_DESCRIPTIONS = (
    "{quality}. The {brand} {noun} in {colour}. {general}",
    "The {noun} from {brand}, now in {colour}. {quality}. {general}",
    "{quality}. {quality2}. {general}",
    "This {colour} {noun} is one of our most popular. {quality}, {quality2_low}.",
    "{general} {quality}. The {series} comes in {colour}.",
    "Looking for a {noun}? {quality}. {quality2}. {general}",
)
CHINESE_DESCRIPTIONS = (
    "{quality}。{brand}{noun}，{colour}可选。{general}",
    "{brand}推出的{noun}，{colour}新上市。{quality}。{general}",
    "{quality}，{quality2}。{general}",
    "这款{colour}{noun}深受欢迎：{quality}，{quality2}。",
    "{general}{series}系列，{colour}。{quality}。",
    "想找一款{noun}？{quality}。{quality2}。{general}",
)
OFTEN_BOUGHT = 0.15


def title_and_description(
    named: str, qualities: str, colour: str, *, chinese: bool, random: Generator
) -> tuple[str, str]:
    """Write about `named` (an object, or a pair of categories) with the `qualities` of a category or pair.

    Depends on nothing but its arguments. Some descriptions end with what else is bought, drawn alike for
    every category: the words of one category thus turn up in the rows of another.
    """
    language = int(chinese)
    quality, quality2 = _pick(QUALITIES[qualities][language], random, 2)
    slots = {
        "noun": _one(NOUNS[named][language], random),
        "brand": _one(BRANDS[language], random),
        "colour": COLOUR_WORDS[colour] if chinese else colour,
        "series": f"{'ABCDEGHKLMNPRSTVX'[int(random.integers(17))]}{int(random.integers(10, 100))}",
        "quality": quality,
        "quality2": quality2,
        "quality2_low": quality2[0].lower() + quality2[1:],
        "general": _one(GENERAL[language], random),
    }
    title = _one(CHINESE_TITLES if chinese else ENGLISH_TITLES, random).format(**slots)
    body = _one(CHINESE_DESCRIPTIONS if chinese else ENGLISH_DESCRIPTIONS, random).format(**slots)
    other = _one(NOUNS[_one(tuple(NOUNS), random)][language], random)
    if random.random() < OFTEN_BOUGHT:
        body += f"常与{other}一起购买。" if chinese else f" Often bought together with: {other}."
    return title[0].upper() + title[1:], body


def _one(choices: Sequence[str], random: Generator) -> str:
    return choices[int(random.integers(len(choices)))]


def _pick(choices: Sequence[str], random: Generator, count: int) -> list[str]:
    return [choices[int(k)] for k in random.permutation(len(choices))[:count]]
