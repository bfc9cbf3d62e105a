"""Numbers of tokens become text that is always whole: never half a character of UTF-8.

A token of byte-level BPE may be any bytes. Which tokens may follow is therefore a walk through the states of a UTF-8
decoder: those that no valid text could have are never chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, pre_tokenizers

from motet.errors import ModelError
from motet.model import LanguageEntry

PADDING, START, END = "<|padding|>", "<|start|>", "<|end|>"
WHOLE = 0  # the state between two characters
# state after a first byte, and which continuation bytes each state takes, and where they lead (RFC 3629);
# control characters but tabs and line ends are of no sentence
FIRST = (
    (0x09, 0x0D, 0), (0x20, 0x7E, 0), (0xC2, 0xC2, 8), (0xC3, 0xDF, 1), (0xE0, 0xE0, 4), (0xE1, 0xEC, 2),
    (0xED, 0xED, 5), (0xEE, 0xEF, 2), (0xF0, 0xF0, 6), (0xF1, 0xF3, 3), (0xF4, 0xF4, 7),
)  # fmt: skip
NEXT = {
    1: (0x80, 0xBF, 0), 2: (0x80, 0xBF, 1), 3: (0x80, 0xBF, 2), 4: (0xA0, 0xBF, 1), 5: (0x80, 0x9F, 1),
    6: (0x90, 0xBF, 2), 7: (0x80, 0x8F, 2), 8: (0xA0, 0xBF, 0),
}  # fmt: skip
STATES = 9
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
CHARACTER = r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]"
BETWEEN_CHARACTERS = re.compile(
    rf"(?<={CHARACTER}) (?={CHARACTER})"
)  # of Chinese, where words are not spaced
DEAD = -1

Ids = npt.NDArray[np.int64]


class CaptionTokens:
    """The tokens that captions are written with: V numbers, what each says, and which may follow.

    language : of a language model's own tokenizer: how many numbers it gives logits of, where a sentence begins and
    ends; of one that was learned with the captioner its own tokens say so.
    """

    def __init__(self, tokenizer: Tokenizer, language: LanguageEntry | None = None) -> None:
        self.tokenizer = tokenizer
        if language is None:
            padding, self.start, self.end = (number_of(tokenizer, token) for token in (PADDING, START, END))
            self.size, silent = tokenizer.get_vocab_size(), {padding, self.start, self.end}
        else:
            self.size, self.start, self.end = language.size, language.size, language.end
            added = tokenizer.get_added_tokens_decoder().items()
            silent = {self.end, *(number for number, token in added if token.special)}
        self.silent = frozenset(silent)
        decoder = tokenizer.decoder
        self.on_bytes = decoder is not None and b"ByteLevel" in decoder.__getstate__()

    @cached_property
    def bytes_of(self) -> list[bytes]:
        """What each token says; nothing, of special ones and of numbers without a token."""
        said = _bytes_of_letters if self.on_bytes else _bytes_of_text
        names = [self.tokenizer.id_to_token(number) for number in range(self.size)]
        return [
            b"" if name is None or number in self.silent else said(name) for number, name in enumerate(names)
        ]

    @cached_property
    def follows(self) -> npt.NDArray[np.int8]:
        """The state [9, V] after each token in each state; -1 where no valid text goes on so, or none could end."""
        steps = np.full((STATES + 1, 256), DEAD, np.int8)  # its last row, -1, is where dead states stay
        for low, high, state in FIRST:
            steps[WHOLE, low : high + 1] = state
        for state, (low, high, after) in NEXT.items():
            steps[state, low : high + 1] = after
        lengths = np.array([len(said) for said in self.bytes_of])
        table = np.full((STATES, self.size), DEAD, np.int8)
        table[:, lengths > 0] = np.arange(STATES, dtype=np.int8)[:, None]
        for place in range(int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > place)
            byte = np.array([self.bytes_of[number][place] for number in longer], np.int64)
            table[:, longer] = steps[table[:, longer], byte]
        table[WHOLE, self.end] = WHOLE  # a sentence ends between two characters
        return table

    @cached_property
    def barred(self) -> npt.NDArray[np.float32]:
        """What is added to logits [9, V]: -inf where a token cannot follow."""
        return np.where(self.follows == DEAD, -np.inf, 0).astype(np.float32)

    def text(self, ids: Sequence[int] | Ids) -> str:
        """What a sentence says, without space at its ends; what is left of a character that was cut is left out."""
        if self.on_bytes:
            said = b"".join(self.bytes_of[int(number)] for number in ids).decode("utf-8", "ignore")
        else:  # pieces of words, which only the tokenizer knows to join
            said = self.tokenizer.decode([int(number) for number in ids]).replace("\ufffd", "")
            said = BETWEEN_CHARACTERS.sub("", said)
        return " ".join(said.split())


def number_of(tokenizer: Tokenizer, token: str) -> int:
    """The number of a token; ModelError where the tokenizer does not have it."""
    number = tokenizer.token_to_id(token)
    if number is None:
        raise ModelError(f"the tokenizer has no {token}, which captions need: copy the model directory again")
    return number


def _bytes_of_letters(name: str) -> bytes:
    """What a token of byte-level BPE says; one that was added is written as it is."""
    letters = _byte_of_letter()
    if not all(letter in letters for letter in name):
        return name.encode()
    return bytes(letters[letter] for letter in name)


def _bytes_of_text(name: str) -> bytes:
    """What a piece of a word says, with a byte by itself where the tokenizer falls back to bytes."""
    byte = BYTE.fullmatch(name)
    return bytes([int(byte[1], 16)]) if byte else name.encode()


@cache
def _byte_of_letter() -> dict[str, int]:
    """The byte that each letter of byte-level BPE stands for (Radford et al., 2019: printable ones for themselves)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters |= {chr(256 + place): byte for place, byte in enumerate(others)}
    assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
    return letters
