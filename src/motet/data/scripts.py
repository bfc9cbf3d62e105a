"""Which script the words of a table are written in, told from a bounded sample."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import numpy.typing as npt

from motet.data.modalities import Cells
from motet.data.text_cells import TextCells

Script = Literal["latin", "chinese", "other"]
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Characters that each are read as a word, as the inside of a regular expression's class."""

SAMPLE = 500  # rows looked at, evenly spaced
_CHARACTERS = 1_000  # looked at of each
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA_HANGUL = re.compile("[\u3040-\u30ff\u1100-\u11ff\uac00-\ud7af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_LETTER = re.compile(r"[^\W\d_]")
_HAN_SHARE = (
    0.2  # of letters: Chinese catalogues are full of Latin brand names, and a character is half a word
)
_JAPANESE_SHARE = 0.1  # kana or Hangul beside Han characters


def script_of(cells: Cells, rows: npt.NDArray[np.int64]) -> Script | None:
    """Tell the script that most of the given rows' words are in; None where there are no letters, or no text.

    "chinese" is Han without kana or Hangul; whatever is neither that nor Latin is "other".
    """
    if not isinstance(cells, TextCells):
        return None
    rows = rows[cells.present[rows]]
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(np.int64))]
    text = "\n".join(one[:_CHARACTERS] for one in cells.take(rows))
    return script_of_words(text)


def script_of_words(text: str) -> Script | None:
    """Tell the script of a text, as `script_of` does of many; None where it has no letters."""
    letters = len(_LETTER.findall(text))
    if letters == 0:
        return None
    han, kana = len(_HAN.findall(text)), len(_KANA_HANGUL.findall(text))
    if han + kana >= _HAN_SHARE * letters:
        return "chinese" if kana < _JAPANESE_SHARE * (han + kana) else "other"
    return "latin" if 2 * len(_LATIN.findall(text)) >= letters else "other"
