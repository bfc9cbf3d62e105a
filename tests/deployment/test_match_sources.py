"""What sentences are read by: a table of two languages gives each as many terms as it would have alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from motet.data import TextCells, infer_schema, read_pairs, read_table
from motet.deployment import MatchOptions
from motet.deployment.match_sources import MatchCells, encode_pairs, scripts_of
from motet.encoders.lexical import LexicalEncoder

ENGLISH = ["a red lamp", "two dogs run", "a boy on a slide", "the old house"]
CHINESE = ["红色的灯", "两只狗在跑", "滑梯上的男孩", "老房子"]


def pictures() -> list[bytes]:
    made = []
    for grey in range(4):
        file = io.BytesIO()
        Image.new("L", (8, 8), 60 * grey).save(file, "PNG")
        made.append(file.getvalue())
    return made


@pytest.mark.parametrize(("columns", "times"), [(["en"], 1), (["zh"], 1), (["en", "zh"], 2)])
def test_each_script_has_the_room_that_it_has_alone(columns: list[str], times: int) -> None:
    table = read_table({"photo": pictures(), "en": ENGLISH, "zh": CHINESE})
    schema = infer_schema(table, image=["photo"], text=columns)
    pairs = read_pairs(table, schema)
    opened, _ = encode_pairs(
        MatchCells.of(table, schema, pairs),
        np.zeros(4, np.int8),
        MatchOptions(("descriptor",), ("lexical",), cache=False),
    )
    lexical, usual = opened.encoders["text:lexical"], LexicalEncoder()
    assert isinstance(lexical, LexicalEncoder)
    assert (lexical.words, lexical.characters) == (times * usual.words, times * usual.characters)


def test_a_few_words_of_another_script_are_no_script_of_the_table() -> None:
    cells = TextCells(read_table({"said": ["a red lamp"] * 99 + ["灯"]}), ["said"])
    assert scripts_of(cells, np.arange(100)) == {"latin"}
