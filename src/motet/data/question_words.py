"""Which scripts and words the training questions were in, and whether another question is like any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motet.data.scripts import UNSPACED, script_of_words

MOST_WORDS = 5_000  # that are kept; where there are more, a new word is nothing strange
CHARACTERS = 2_000  # looked at of a question
_WORD = re.compile(f"[{UNSPACED}]|[^\\W{UNSPACED}]+")


@dataclass(frozen=True)
class KnownQuestions:
    """Scripts of the training questions, and their words where these are few: otherwise None."""

    scripts: tuple[str, ...]
    words: frozenset[str] | None

    def to_json(self) -> dict[str, Any]:
        """As `motet.json` keeps it."""
        return {"scripts": list(self.scripts), "words": None if self.words is None else sorted(self.words)}

    def issue(self, question: str) -> str | None:
        """What is strange about a question, None where nothing is."""
        read = question[:CHARACTERS]
        script = script_of_words(read)
        if self.scripts and script is not None and script not in self.scripts:
            return "question: in a script that no training question was in, so the answer is a guess"
        words = _words(read)
        if read.strip() and not words and self.words != frozenset():
            return "question: has no word, so the answer is a guess"
        if self.words is not None and words and not words & self.words:
            return "question: none of its words was in a training question, so the answer is a guess"
        return None


def known_of(questions: Sequence[str]) -> KnownQuestions:
    """What is known of the given questions."""
    scripts: set[str] = set()
    words: set[str] = set()
    for question in dict.fromkeys(one[:CHARACTERS] for one in questions):
        script = script_of_words(question)
        scripts |= set() if script is None else {script}
        if len(words) <= MOST_WORDS:
            words |= _words(question)
    return KnownQuestions(tuple(sorted(scripts)), frozenset(words) if len(words) <= MOST_WORDS else None)


def known_questions(training: Mapping[str, Any]) -> KnownQuestions:
    """What a manifest's `training` says; of a model that says nothing, every question is like the training ones."""
    said = training.get("questions", {})
    words = said.get("words")
    return KnownQuestions(tuple(said.get("scripts", ())), None if words is None else frozenset(words))


def _words(question: str) -> set[str]:
    return {found.casefold() for found in _WORD.findall(question)}
