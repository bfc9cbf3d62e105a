"""Decoding over known logits: greedy, beams against all sentences, drawn words, stop rules, whole characters."""

from __future__ import annotations

import codecs
import itertools
import math
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from motet.errors import UsageError
from motet.model import LanguageEntry
from motet.runtime.caption_tokens import DEAD, WHOLE, CaptionTokens
from motet.runtime.combination import log_softmax
from motet.runtime.decoding import Decoding, _largest, decode, repeating, words_of
from motet.training.caption_words import learn_caption_tokenizer, sentence_ids

PADDING, START, END, A, B = range(5)


@dataclass
class FewTokens:
    """Padding, start, end, and two words of whole characters."""

    size: int = 5
    start: int = START
    end: int = END

    @property
    def follows(self) -> np.ndarray:
        table = np.full((9, self.size), DEAD, np.int8)
        table[WHOLE, [END, A, B]] = WHOLE
        return table

    @property
    def barred(self) -> np.ndarray:
        return np.where(self.follows == DEAD, -np.inf, 0).astype(np.float32)


@dataclass
class Chain:
    """Logits of each row that depend on its last word alone: tables [n, V, V]."""

    tables: np.ndarray

    def next(self, ids: np.ndarray) -> np.ndarray:
        return self.tables[np.arange(len(ids)), ids]

    def select(self, rows: np.ndarray) -> Chain:
        return Chain(self.tables[rows])


def chain(seed: int, rows: int = 1, words: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (rows, words, words)).astype(np.float32)


def all_sentences(table: np.ndarray, longest: int) -> dict[tuple[int, ...], float]:
    """Log-probability of each sentence that ends by itself, by hand."""
    masked = np.where(np.isin(np.arange(5), [END, A, B]), table.astype(np.float64), -np.inf)
    logs = np.asarray(log_softmax(masked))
    found = {}
    for length in range(longest - 1):
        for ids in itertools.product((A, B), repeat=length):
            path = [START, *ids, END]
            if length == longest - 2 and logs[path[-2]].argmax() != END:
                continue  # with room for its end alone, a sentence ends where nothing is likelier
            found[ids] = float(sum(logs[one, other] for one, other in itertools.pairwise(path)))
    return found


@given(st.integers(0, 10_000))
def test_beams_that_are_many_find_the_likeliest_sentence(seed: int) -> None:
    table = chain(seed)
    found = decode(Chain(table), 1, FewTokens(), Decoding(beams=16, length_penalty=0, longest=6))[0]
    every = all_sentences(table[0], 6)
    assert found.ended and found.log_probability == pytest.approx(max(every.values()), abs=1e-5)
    assert every[found.ids] == pytest.approx(found.log_probability, abs=1e-5)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7]))
def test_a_row_does_not_depend_on_the_others(seed: int, penalty: float) -> None:
    tables = chain(seed, rows=4)
    for how in (
        Decoding(longest=8),
        Decoding(beams=3, longest=8, length_penalty=penalty),
        Decoding(top_p=0.8, seed=seed, longest=8),
    ):
        numbers = np.arange(4)
        whole = decode(Chain(tables), 4, FewTokens(), how, numbers)
        for row in range(4):
            one = slice(row, row + 1)
            assert decode(Chain(tables[one]), 1, FewTokens(), how, numbers[one])[0] == whole[row]


def test_one_beam_takes_the_likeliest_word_each_time() -> None:
    table = np.full((1, 5, 5), -9.0, np.float32)
    table[0, START, [A, B]] = 2, 1
    table[0, A, [B, PADDING]] = 1, 50  # padding is never written, however likely
    table[0, B, END] = 3
    found = decode(Chain(table), 1, FewTokens(), Decoding())[0]
    assert found.ids == (A, B) and found.ended


@given(
    st.lists(st.sampled_from([-math.inf, 0.0, 0.0, 1.0, 2.0]), min_size=1, max_size=40), st.integers(1, 50)
)
def test_of_equal_words_the_first_are_taken(values: list[float], most: int) -> None:
    wanted = sorted((-value, at) for at, value in enumerate(values) if value > -math.inf)[:most]
    assert _largest(np.array(values), most) == ([at for _, at in wanted], [-value for value, _ in wanted])


def test_a_larger_length_penalty_never_shortens() -> None:
    for seed in range(20):
        lengths = [
            len(
                decode(Chain(chain(seed)), 1, FewTokens(), Decoding(beams=16, length_penalty=p, longest=6))[
                    0
                ].ids
            )
            for p in (0.0, 1.0, 3.0)
        ]
        assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    "how", [Decoding(longest=6), Decoding(beams=2, longest=6), Decoding(top_p=1, longest=6)]
)
def test_the_longest_is_kept_and_told(how: Decoding) -> None:
    table = np.full((2, 5, 5), 0, np.float32)
    table[:, :, END] = -np.inf
    for one in decode(Chain(table), 2, FewTokens(), how):
        assert len(one.ids) == 6 - 2 and not one.ended and np.isfinite(one.log_probability)


@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([1, 3]))
def test_nothing_repeats_where_it_must_not(seed: int, n: int, beams: int) -> None:
    table = chain(seed)
    table[:, :, END] -= 4
    found = decode(Chain(table), 1, FewTokens(), Decoding(beams=beams, no_repeat=n, longest=12))[0].ids
    stretches = [found[i : i + n] for i in range(len(found) - n + 1)]
    assert len(stretches) == len(set(stretches))


@pytest.mark.parametrize(
    "how", [Decoding(longest=5), Decoding(beams=2, longest=5), Decoding(top_p=0.5, longest=5)]
)
def test_a_sentence_may_be_as_long_as_there_is_room(how: Decoding) -> None:
    """Three words and the end, surely: five numbers with the start."""

    class Three(Chain):
        def next(self, ids: np.ndarray) -> np.ndarray:
            self.at = getattr(self, "at", -1) + 1
            logits = np.full((len(ids), 5), -20, np.float32)
            logits[:, [A, B, A, END][self.at]] = 9
            return logits

        def select(self, rows: np.ndarray) -> Chain:
            return self

    found = decode(Three(chain(0)), 1, FewTokens(), how)[0]
    assert found.ids == (A, B, A) and found.ended
    if how.beams == 1:  # of several beams one that ended sooner is better
        cut = decode(Three(chain(0)), 1, FewTokens(), replace(how, longest=4))[0]
        assert cut.ids == (A, B) and not cut.ended


def test_what_would_repeat() -> None:
    def words(*ids: int) -> list[tuple[int, ...]]:
        return [(one,) for one in ids]

    assert repeating(words(1, 2, 3, 1, 2), 3) == [3]
    assert repeating(words(1, 2), 1) == [1, 2]
    assert repeating(words(1), 3) == []
    assert repeating([(7, 8, 9), (1,), (7, 8, 9)], 2) == [1]
    assert repeating([(1,), (7, 8, 9), (1,)], 2) == [7]


def test_a_character_of_several_tokens_may_stand_twice(tokens: CaptionTokens) -> None:
    """Twice the same dog is no three words, though its bytes are three tokens."""
    wanted = [*sentence_ids(tokens, ["犬犬犬"], 99)[0][1:].tolist(), tokens.end]
    assert len(wanted) > 9  # not merged

    class Says(Chain):
        at = -1

        def next(self, ids: np.ndarray) -> np.ndarray:
            self.at += 1
            logits = np.zeros((1, tokens.size), np.float32)
            logits[0, wanted[self.at]] = 9
            return logits

    said = decode(Says(chain(0)), 1, tokens, Decoding(no_repeat=3))[0]
    assert tokens.text(said.ids) == "犬犬犬"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_characters_do_not_repeat_where_they_must_not(tokens: CaptionTokens, seed: int, n: int) -> None:
    table = np.random.default_rng(seed).normal(0, 3, (1, tokens.size, tokens.size)).astype(np.float32)
    words = words_of(decode(Chain(table), 1, tokens, Decoding(no_repeat=n, longest=24))[0].ids, tokens)
    stretches = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    assert len(stretches) == len(set(stretches))


def test_words_are_drawn_among_the_likeliest_as_often_as_they_are_likely() -> None:
    shares = np.array([1e-9, 1e-9, 0.5, 0.3, 0.2])  # of end, a, b: the first two make 0.8
    table = np.log(np.tile(shares, (1, 5, 1))).astype(np.float32)
    rows = 4000
    found = decode(
        Chain(np.repeat(table, rows, axis=0)),
        rows,
        FewTokens(),
        Decoding(top_p=0.75, longest=3),
        np.arange(rows),
    )
    firsts = [one.ids[0] if one.ids else END for one in found]
    assert B not in firsts
    # end has 0.5 / 0.8 = 0.625 of the nucleus; four standard errors of 4,000 draws
    assert abs(np.mean(np.array(firsts) == END) - 0.625) < 4 * (0.625 * 0.375 / rows) ** 0.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beams": 0}, "beams"), ({"top_p": 1.5}, "top-p"), ({"top_p": 0.5, "beams": 2}, "leave one"),
        ({"temperature": 0}, "temperature"), ({"longest": 2}, "longest"), ({"no_repeat": -1}, "no_repeat"),
        ({"seed": -1}, "seed"), ({"length_penalty": math.nan}, "penalty"), ({"length_penalty": 1e300}, "penalty"),
        ({"temperature": math.inf}, "temperature"), ({"temperature": 1e-320}, "temperature"),
        ({"beams": 101}, "beams are 1 to 100"), ({"beams": "3"}, "beams is a whole number, not '3'"),
        ({"longest": 8.0}, "longest is a whole number"), ({"temperature": None}, "temperature is a number"),
        ({"top_p": "0.9"}, "top_p is a number"), ({"beams": True}, "beams is a whole number, not True"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Decoding(**wrong)


# Whole characters.

CHINESE = ["一只黑狗在草地上奔跑。", "一个小女孩在笑", "两只狗🐕在路上", "naïve café"] * 3


def is_control(character: str) -> bool:
    """Of no sentence: what a terminal would take for an order."""
    return unicodedata.category(character) == "Cc" and character not in "\t\n\v\f\r"


@pytest.fixture(scope="module")
def tokens() -> CaptionTokens:
    return CaptionTokens(learn_caption_tokenizer(CHINESE, vocabulary=290))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.integers(3, 12))
def test_never_half_a_character(tokens: CaptionTokens, seed: int, beams: int, longest: int) -> None:
    table = np.random.default_rng(seed).normal(0, 3, (1, tokens.size, tokens.size)).astype(np.float32)
    found = decode(Chain(table), 1, tokens, Decoding(beams=beams, longest=longest))[0]
    text = tokens.text(found.ids)
    assert "�" not in text
    whole = b"".join(tokens.bytes_of[number] for number in found.ids)
    if found.ended:
        whole.decode("utf-8")  # strict
    else:
        codecs.getincrementaldecoder("utf-8")().decode(whole)  # at most the last is not yet whole


@given(st.binary(min_size=1, max_size=5))
@example(b"\xed\xa0")
@example(b"\xed\x9f")
@example(b"\x1b")
@example(b"\xc2\x85")
def test_the_walk_is_that_of_a_decoder(tokens: CaptionTokens, data: bytes) -> None:
    number = {said: at for at, said in enumerate(tokens.bytes_of) if len(said) == 1}
    state = WHOLE
    for byte in data:
        state = int(tokens.follows[state, number[bytes([byte])]]) if state != DEAD else DEAD
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        read = decoder.decode(data)
        # Of half a surrogate pair, which no text has, Python waits for the third byte before it refuses the first two.
        waiting, _ = decoder.getstate()
        alive = not (waiting[:1] == b"\xed" and waiting[1:] >= b"\xa0") and not any(map(is_control, read))
    except UnicodeDecodeError:
        alive = False
    assert (state != DEAD) == alive
    if alive:
        try:
            data.decode()
            assert state == WHOLE
        except UnicodeDecodeError:
            assert state != WHOLE and tokens.follows[state, tokens.end] == DEAD


@given(st.text(max_size=20).filter(lambda text: not any(map(is_control, text))))
def test_any_sentence_can_be_written(tokens: CaptionTokens, text: str) -> None:
    ids = sentence_ids(tokens, [text], 1000)[0]
    assert ids[0] == tokens.start and ids[-1] == tokens.end
    state = WHOLE
    for number in ids[1:]:
        state = int(tokens.follows[state, number])
        assert state != DEAD
    wanted = tokens.tokenizer.normalizer.normalize_str(" ".join(text.split()))
    assert tokens.text(ids[1:-1]) == " ".join(wanted.split())


def test_tokens_of_other_tokenizers_are_whole_too() -> None:
    """A language model's own: pieces with a mark for the space, bytes that stand for themselves, or Chinese pieces."""
    pieces = Tokenizer(
        models.BPE(
            {"<s>": 0, "</s>": 1, "<0xE7>": 2, "<0x8B>": 3, "<0x97>": 4, "▁a": 5, "▁dog": 6, "s": 7, "狗": 8},
            [],
            byte_fallback=True,
        )
    )
    pieces.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    pieces.add_special_tokens(["<s>", "</s>"])
    made = CaptionTokens(pieces, LanguageEntry("pieces", "mit", 12, 1, 0))  # three numbers without a token
    assert (made.start, made.end, made.size) == (12, 1, 12)
    assert made.text([5, 6, 7, 2, 3, 4]) == "a dogs狗" and made.text([5, 6, 2, 3]) == "a dog"
    follows = made.follows
    assert (follows[WHOLE, [0, 9, 10, 11]] == DEAD).all() and follows[WHOLE, 1] == WHOLE
    state = follows[WHOLE, 2]  # after the first of three bytes only one of the second kind may follow
    assert [at for at in range(12) if follows[state, at] != DEAD] == [3, 4]
    words = Tokenizer(
        models.WordPiece({"[SEP]": 0, "一": 1, "只": 2, "狗": 3, "dog": 4, "##s": 5}, unk_token="[SEP]")
    )
    words.decoder = decoders.WordPiece()
    words.add_special_tokens(["[SEP]"])
    told = CaptionTokens(words, LanguageEntry("words", "mit", 6, 0, 0))
    assert told.text([1, 2, 3, 4, 5]) == "一只狗 dogs"
