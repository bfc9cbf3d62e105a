"""From logits of the next word to sentences: greedy, beams, drawn; and when a sentence ends.

n rows that are being written, S new words, V the vocabulary. A row's sentence depends on its own logits alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from motet.errors import UsageError
from motet.runtime.caption_tokens import WHOLE
from motet.runtime.combination import log_softmax

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

MOST_BEAMS = 100  # each is a row of its own for the network; more find hardly another sentence
NUMBERS: Mapping[str, type] = {
    **dict.fromkeys(("beams", "seed", "longest", "no_repeat"), Integral),
    **dict.fromkeys(("length_penalty", "temperature", "top_p"), Real),
}


@dataclass(frozen=True)
class Decoding:
    """How sentences are decoded.

    beams : sentences that are kept side by side, 100 at most; 1 is greedy. length_penalty : a beam's log-probability is
    divided by its words to this power, 0 to 10: the larger, the longer (Wu et al., 2016, eq. 14, less its constants).
    top_p : words are drawn among the likeliest that together have this probability (Holtzman et al., 2020), each row by
    `seed` and its own number, at a temperature of .01 to 100; None: nothing is drawn.
    longest : numbers at most, start and end among them; where there is room for the end alone and another word is
        likelier, the sentence has not ended.
    no_repeat : no so many words twice in a sentence, a character of several tokens being one; 0: they may.
    """

    beams: int = 1
    length_penalty: float = 1.0
    top_p: float | None = None
    temperature: float = 1.0
    seed: int = 0
    longest: int = 48
    no_repeat: int = 0

    def __post_init__(self) -> None:
        for name, kind in NUMBERS.items():
            value = getattr(self, name)
            wrong = isinstance(value, bool) or not isinstance(value, kind)
            if wrong and not (name == "top_p" and value is None):
                raise UsageError(f"{name} is a {'whole ' * (kind is Integral)}number, not {value!r}")
        if not 1 <= self.beams <= MOST_BEAMS:
            raise UsageError(f"beams are 1 to {MOST_BEAMS}, not {self.beams}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UsageError(f"top-p is above 0 and at most 1, not {self.top_p:g}")
        if self.top_p is not None and self.beams > 1:
            raise UsageError("beams look for the likeliest sentence, top-p draws one: leave one of them out")
        if not 0.01 <= self.temperature <= 100:
            raise UsageError(f"a temperature is from 0.01 to 100, not {self.temperature:g}")
        if self.seed < 0:
            raise UsageError(f"a seed is 0 or more, not {self.seed}")
        if not 0 <= self.length_penalty <= 10:
            raise UsageError(f"a length penalty is from 0 to 10, not {self.length_penalty:g}")
        if self.longest < 3:
            raise UsageError(f"longest is 3 or more, not {self.longest}")
        if self.no_repeat < 0:
            raise UsageError(f"no_repeat is 0 or more, not {self.no_repeat}")


class Writing(Protocol):
    """Rows in the middle of being written: what the decoder keeps of the words so far."""

    def next(self, ids: Rows) -> Floats:
        """Logits [n, V] of the word that follows, after one more word ids [n] of each row."""
        ...

    def select(self, rows: Rows) -> Self:
        """The given rows, of which some may come twice, as rows of their own."""
        ...


class Tokens(Protocol):
    """What decoding knows of its V tokens (`CaptionTokens`): `follows` [9, V] is the state after each in each state,
    `barred` [9, V] is 0 where a token may follow and -inf where it may not."""

    @property
    def size(self) -> int:
        """V."""
        ...

    @property
    def start(self) -> int:
        """The number of the start."""
        ...

    @property
    def end(self) -> int:
        """The number of the end."""
        ...

    @property
    def follows(self) -> npt.NDArray[np.int8]:
        """[9, V]."""
        ...

    @property
    def barred(self) -> Floats:
        """[9, V]."""
        ...


@dataclass(frozen=True)
class Sentence:
    """Numbers of a sentence without start and end, its log-probability, and whether it came to an end by itself."""

    ids: tuple[int, ...]
    log_probability: float
    ended: bool


def decode(
    writing: Writing, count: int, tokens: Tokens, how: Decoding, numbers: Rows | None = None
) -> list[Sentence]:
    """A sentence for each of `count` rows. numbers [count] : what each row is drawn by, beside the seed."""
    if how.beams > 1:
        return _beams(writing, count, tokens, how)
    return _one_by_one(writing, count, tokens, how, np.arange(count) if numbers is None else numbers)


def _one_by_one(writing: Writing, count: int, tokens: Tokens, how: Decoding, numbers: Rows) -> list[Sentence]:
    """The likeliest word each time, or one that is drawn; rows that have ended are decoded no further."""
    random = [np.random.default_rng([how.seed, number]) for number in numbers.tolist()]
    ids: list[list[int]] = [[] for _ in range(count)]
    scores, ended, state = np.zeros(count), np.zeros(count, bool), np.full(count, WHOLE, np.int8)
    going, last = np.arange(count), np.full(count, tokens.start, np.int64)
    for length in range(how.longest - 1):
        logs = _allowed(writing.next(last), state[going], [ids[row] for row in going], tokens, how)
        if how.top_p is None:
            last = logs.argmax(axis=1)
        else:
            last = np.array(
                [_drawn(one, how, random[row]) for one, row in zip(logs, going, strict=True)], np.int64
            )
        ends = last == tokens.end
        taken = ends | (length < how.longest - 2)  # at last there is room for the end alone
        scores[going[taken]] += logs[taken, last[taken]]
        ended[going] = ends
        on = np.flatnonzero(taken & ~ends)
        for row, word in zip(going[on], last[on].tolist(), strict=True):
            ids[row].append(word)
        if not len(on):
            break
        if len(on) < len(going):
            going, last, writing = going[on], last[on], writing.select(on)
        state[going] = tokens.follows[state[going], last]
    return [Sentence(tuple(ids[row]), float(scores[row]), bool(ended[row])) for row in range(count)]


def _beams(writing: Writing, count: int, tokens: Tokens, how: Decoding) -> list[Sentence]:
    """The best of `beams` sentences that are kept side by side (Sutskever et al., 2014; lengths as Wu et al., 2016).

    A row is done when none of its beams, were it to end now, could be better than the worst of as many ended ones: with
    a length penalty longer ones might have been, which is the price of stopping.
    """
    done: list[list[tuple[float, Sentence]]] = [[] for _ in range(count)]
    owner = np.arange(count)  # which row each beam belongs to; beams of a row stand together
    ids: list[tuple[int, ...]] = [()] * count
    scores, state, last = (
        np.zeros(count),
        np.full(count, WHOLE, np.int8),
        np.full(count, tokens.start, np.int64),
    )
    for length in range(1, how.longest):
        logs = _allowed(writing.next(last), state, ids, tokens, how) + scores[:, None]
        if length == how.longest - 1:
            for beam, row in enumerate(owner):
                done[row].append(_at_last(ids[beam], scores[beam], logs[beam], length, tokens, how))
            break
        kept: list[tuple[int, int, float]] = []  # beam that goes on, its word, its score
        for row in np.unique(owner):
            mine = np.flatnonzero(owner == row)
            best, scored = _largest(logs[mine].ravel(), 2 * how.beams)
            going: list[tuple[int, int, float]] = []
            for place, score in zip(best, scored, strict=True):
                beam, word = int(mine[place // tokens.size]), place % tokens.size
                if word == tokens.end:
                    done[row].append((score / length**how.length_penalty, Sentence(ids[beam], score, True)))
                elif len(going) < how.beams:
                    going.append((beam, word, score))
            done[row] = sorted(done[row], key=lambda one: -one[0])[: how.beams]
            if len(done[row]) == how.beams and (
                not going or going[0][2] / length**how.length_penalty <= done[row][-1][0]
            ):
                continue
            kept += going
        if not kept:
            break
        beams = np.array([beam for beam, _, _ in kept])
        last = np.array([word for _, word, _ in kept])
        scores = np.array([score for _, _, score in kept])
        ids = [(*ids[beam], word) for beam, word, _ in kept]
        owner, state = owner[beams], tokens.follows[state[beams], last]
        writing = writing.select(beams)
    return [max(found, key=lambda one: (one[1].ended, one[0]))[1] for found in done]


def _at_last(
    ids: tuple[int, ...], score: float, logs: Floats, length: int, tokens: Tokens, how: Decoding
) -> tuple[float, Sentence]:
    """A beam with room for its end alone: it ends where nothing is likelier, as the likeliest word would."""
    if logs.argmax() == tokens.end:
        score = float(logs[tokens.end])
        return score / length**how.length_penalty, Sentence(ids, score, True)
    return float(score) / (length - 1) ** how.length_penalty, Sentence(ids, float(score), False)


def _allowed(
    logits: Floats,
    state: npt.NDArray[np.int8],
    said: Sequence[Sequence[int]],
    tokens: Tokens,
    how: Decoding,
) -> Floats:
    """Log-probabilities [n, V] of what may follow; -inf of what no text could have there, or what would repeat."""
    logits = logits + tokens.barred[state]
    if how.no_repeat:
        for row, ids in enumerate(said):
            if state[row] == WHOLE:
                logits[row, repeating(words_of(ids, tokens), how.no_repeat)] = -np.inf
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logits


def repeating(words: Sequence[tuple[int, ...]], n: int) -> list[int]:
    """First tokens of words after which the last n words would stand in the sentence a second time.

    Of a character of several tokens the first is barred, and with it others that begin so: were it the last, another
    character than the model's would be written.
    """
    if len(words) < n:
        return []
    end = list(words[len(words) - n + 1 :])
    return [words[i + n - 1][0] for i in range(len(words) - n + 1) if list(words[i : i + n - 1]) == end]


def words_of(ids: Sequence[int], tokens: Tokens) -> list[tuple[int, ...]]:
    """The tokens of each word: those between two places where a sentence could end, mostly one."""
    words, state, begin = [], WHOLE, 0
    for place, token in enumerate(ids, 1):
        state = int(tokens.follows[state, token])
        if state == WHOLE:
            words.append(tuple(ids[begin:place]))
            begin = place
    return words


def _largest(values: npt.NDArray[np.float64], most: int) -> tuple[list[int], list[float]]:
    """Places and values of the largest that are finite, the largest first; of equal ones the first."""
    least = np.partition(values, -most)[-most] if most < len(values) else -np.inf
    some = np.flatnonzero((values >= least) & np.isfinite(values))
    some = some[np.argsort(-values[some], kind="stable")][:most]
    return some.tolist(), values[some].tolist()


def _drawn(logs: Floats, how: Decoding, random: np.random.Generator) -> int:
    """A word drawn among the likeliest."""
    assert how.top_p is not None
    probabilities = np.exp(log_softmax(logs[None] / how.temperature)[0])
    order = np.argsort(-probabilities, kind="stable")
    along = probabilities[order].cumsum()
    nucleus = order[: int(np.searchsorted(along, how.top_p * along[-1])) + 1]
    share = probabilities[nucleus] / probabilities[nucleus].sum()
    return int(random.choice(nucleus, p=share))
