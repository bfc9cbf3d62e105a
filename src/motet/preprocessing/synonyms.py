"""Synonyms from what is on this machine: a file that the user names, or WordNet where nltk has it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from motet.errors import UsageError
from motet.preprocessing.augment_texts import Synonyms

_BETWEEN = re.compile(r"[\t,，、;；]")
_CILIN = re.compile(r"^[A-Z][a-z]\d\d[A-Z]\d\d([=#@])\s*")  # a code, and whether the words mean the same


def read_synonyms(path: Path) -> Synonyms:
    """Read a file with words that mean the same on each line, parted by tabs or commas (without any, by spaces).

    UTF-8; lines that begin with # are comments. The Chinese thesaurus Cilin is read as it is: of its lines those whose
    code ends in = (related words and single ones are left out).

    Raises UsageError where the file cannot be read, or no line has two words.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"synonyms: {path} cannot be read as UTF-8 text: {error}") from None
    known: dict[str, list[str]] = {}
    for line in lines:
        code = _CILIN.match(line)
        if line.startswith("#") or (code is not None and code[1] != "="):
            continue
        line = line if code is None else line[code.end() :]
        words = _BETWEEN.split(line) if _BETWEEN.search(line) else line.split()
        words = [word.strip() for word in words if word.strip()]
        for word in words if len(words) > 1 else ():
            known.setdefault(word.casefold(), []).extend(words)
    if not known:
        raise UsageError(f"synonyms: {path} has no line with two words, parted by a tab or a comma")
    return lambda word: known.get(word, ())


def wordnet_synonyms() -> Synonyms:
    """Synonyms of English words from WordNet (Miller, 1995); nothing is downloaded.

    Raises UsageError where nltk or its WordNet data is not installed.
    """
    try:
        from nltk.corpus import wordnet

        wordnet.ensure_loaded()
    except (ImportError, LookupError):
        raise UsageError(
            "synonyms: name a file of them with --synonyms FILE (in Python Augmentation(synonyms=...)); "
            "without one, nltk and its WordNet data must be installed"
        ) from None

    @lru_cache(maxsize=100_000)
    def of(word: str) -> tuple[str, ...]:
        names = {lemma for meaning in wordnet.synsets(word) for lemma in meaning.lemma_names()}
        return tuple(sorted(name.replace("_", " ") for name in names))

    return of
