"""The words that metrics of captions count: Motet's own tokenizer, so that figures are not those of another's.

coco-caption uses the Penn Treebank's tokenizer, which needs Java and knows English alone.
"""

from __future__ import annotations

import re
import unicodedata

from motet.data.scripts import UNSPACED

TOKENIZER = "own: words in lower case without punctuation; characters of Chinese, Japanese and Korean"
_WORDS = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+(?:['’][^\W_{UNSPACED}]+)*")
_UNSPACED = re.compile(rf"[{UNSPACED}]")


def caption_words(text: str) -> tuple[str, ...]:
    """The words of a sentence, case-folded; each character of an unspaced script is one."""
    return tuple(_WORDS.findall(unicodedata.normalize("NFKC", text).casefold()))


def is_character(word: str) -> bool:
    """Whether a word is a character of an unspaced script."""
    return _UNSPACED.match(word) is not None
