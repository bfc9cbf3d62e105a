"""Numbers of tokens become text that is always whole: never half a character of UTF-8.

A token of byte-level BPE may be any bytes. Which tokens may follow is therefore a walk through the states of a UTF-8
decoder: those that no valid text could have are never chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, pre_tokenizers

from motet.errors import ModelError

PADDING, START, END = "<|padding|>", "<|start|>", "<|end|>"
WHOLE = 0  # the state between two characters
# state after a first byte, and which continuation bytes each state takes, and where they lead (RFC 3629)
FIRST = (
    (0x00, 0x7F, 0), (0xC2, 0xDF, 1), (0xE0, 0xE0, 4), (0xE1, 0xEC, 2), (0xED, 0xED, 5), (0xEE, 0xEF, 2),
    (0xF0, 0xF0, 6), (0xF1, 0xF3, 3), (0xF4, 0xF4, 7),
)  # fmt: skip
NEXT = {
    1: (0x80, 0xBF, 0), 2: (0x80, 0xBF, 1), 3: (0x80, 0xBF, 2), 4: (0xA0, 0xBF, 1), 5: (0x80, 0x9F, 1),
    6: (0x90, 0xBF, 2), 7: (0x80, 0x8F, 2),
}  # fmt: skip
STATES = 8
DEAD = -1

Ids = npt.NDArray[np.int64]


class CaptionTokens:
    """The tokens that captions are written with: V numbers, what each says, and which may follow."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.padding, self.start, self.end = (number_of(tokenizer, token) for token in (PADDING, START, END))
        self.size = tokenizer.get_vocab_size()

    @cached_property
    def bytes_of(self) -> list[bytes]:
        """What each token says; the special ones nothing."""
        alphabet = _byte_of_letter()
        special = {self.padding, self.start, self.end}
        return [
            b""
            if number in special
            else bytes(alphabet[letter] for letter in self.tokenizer.id_to_token(number) or "")
            for number in range(self.size)
        ]

    @cached_property
    def follows(self) -> npt.NDArray[np.int8]:
        """The state [8, V] after each token in each state; -1 where no valid text goes on so, or none could end."""
        steps = np.full((STATES, 256), DEAD, np.int8)
        for low, high, state in FIRST:
            steps[WHOLE, low : high + 1] = state
        for state, (low, high, after) in NEXT.items():
            steps[state, low : high + 1] = after
        table = np.full((STATES, self.size), DEAD, np.int8)
        for number, said in enumerate(self.bytes_of):
            states = np.arange(STATES, dtype=np.int8)
            for byte in said:
                states = np.where(states == DEAD, DEAD, steps[states, byte]).astype(np.int8)
            table[:, number] = states
        table[:, [self.padding, self.start, self.end]] = DEAD
        table[WHOLE, self.end] = WHOLE  # a sentence ends between two characters
        return table

    @cached_property
    def barred(self) -> npt.NDArray[np.float32]:
        """What is added to logits [8, V]: -inf where a token cannot follow."""
        return np.where(self.follows == DEAD, -np.inf, 0).astype(np.float32)

    def text(self, ids: Sequence[int] | Ids) -> str:
        """What a sentence says, without space at its ends; what is left of a character that was cut is left out."""
        said = b"".join(self.bytes_of[int(number)] for number in ids)
        return " ".join(said.decode("utf-8", "ignore").split())


def number_of(tokenizer: Tokenizer, token: str) -> int:
    """The number of a token; ModelError where the tokenizer does not have it."""
    number = tokenizer.token_to_id(token)
    if number is None:
        raise ModelError(f"the tokenizer has no {token}, which captions need: copy the model directory again")
    return number


def _byte_of_letter() -> dict[str, int]:
    """The byte that each letter of byte-level BPE stands for (Radford et al., 2019: printable ones for themselves)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters |= {chr(256 + place): byte for place, byte in enumerate(others)}
    assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
    return letters
