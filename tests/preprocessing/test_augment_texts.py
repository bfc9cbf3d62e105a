"""Changes of texts: never empty, nothing taken apart that belongs together, and each does what its name says."""

from __future__ import annotations

import sys
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.errors import UsageError
from motet.preprocessing.augment_texts import TEXT_CHANGES, characters, with_synonyms
from motet.preprocessing.augmentation import Augmentation
from motet.preprocessing.synonyms import read_synonyms, wordnet_synonyms

FAMILY = "👨‍👩‍👧"  # three emoji and two joiners
ACCENT = "e\u0301"
PAIR = "\ud83d\ude00"  # one emoji as two surrogates
SENTENCE = "枕头很软，颜色也好看"
TWENTY = " ".join(f"word{n}" for n in range(20))
SYNONYMS = {"sofa": ["sofa", "couch", "settee"], "枕头": ["枕头", "靠枕"], "头": ["脑袋"]}


def synonyms(word: str) -> list[str]:
    return SYNONYMS.get(word, [])


EVERY = {**TEXT_CHANGES, "synonym": with_synonyms(synonyms)}
TEXTS = st.lists(
    st.sampled_from(
        [FAMILY, ACCENT, "枕", "头", "枕头", "sofa", "Sofa,", " ", "\n", "\t", "a", "ไทย", "👍🏽", "½"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    max_size=12,
).map("".join)


def changed(name: str, text: str, seed: int = 0, share: float = 0.1) -> str:
    return EVERY[name](text, np.random.default_rng(seed), share)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(0, 2**32), st.floats(0.01, 0.9))
def test_no_change_empties_a_text_or_makes_what_cannot_be_written(
    name: str, text: str, seed: int, share: float
) -> None:
    made = changed(name, text, seed, share)
    made.encode()  # no lone surrogate
    assert bool(made.strip()) == bool(text.strip())
    assert made == changed(name, text, seed, share)


@pytest.mark.parametrize("name", ["drop", "swap", "char-drop", "char-swap", "char-double"])
@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(0, 2**32))
def test_characters_come_from_the_text_and_stay_whole(name: str, text: str, seed: int) -> None:
    # A mark after a dropped neighbour may belong to another: only texts of whole characters are told apart.
    if any(one[0] == "\u200d" or len(characters(f"a{one}")) == 1 for one in characters(text)):
        return
    before = Counter(one for one in characters(text) if not one.isspace())
    after = Counter(one for one in characters(changed(name, text, seed)) if not one.isspace())
    if "swap" in name:
        assert after == before
    elif name == "char-double":
        assert before <= after and (not before or after.total() > before.total())
    else:
        assert after <= before


def test_what_a_reader_sees_as_one_character_is_one() -> None:
    assert characters(f"a{FAMILY}{ACCENT}👍🏽枕") == ["a", FAMILY, ACCENT, "👍🏽", "枕"]
    assert characters(f"x{PAIR}y") == ["x", PAIR, "y"]
    for name in ("char-drop", "char-swap", "char-double"):
        for seed in range(20):
            made = changed(name, f"ab{PAIR}cd{PAIR}", seed, 0.5)
            assert "\ud83d" not in made.replace(PAIR, "") and "\ude00" not in made.replace(PAIR, "")


@pytest.mark.parametrize(("share", "left"), [(0.1, 18), (0.3, 14), (0.001, 19), (0.99, 1)])
def test_a_share_of_words_is_dropped_at_least_one_and_never_all(share: float, left: int) -> None:
    words = changed("drop", TWENTY, share=share).split(" ")
    assert len(words) == left
    assert words == [word for word in TWENTY.split(" ") if word in words]  # in their order


def test_new_lines_outlive_the_words_beside_them() -> None:
    for seed in range(10):
        made = changed("drop", "a b\nc d", seed)
        assert made.count("\n") == 1 and len(made.split()) == 3 and made == made.strip()


def test_two_words_for_each_tenth_change_places_and_spaces_stay() -> None:
    text = "one  two\nthree four"
    made = changed("swap", text)
    assert sorted(made.split()) == sorted(text.split()) and made != text
    assert [c for c in made if c.isspace()] == [" ", " ", "\n", " "]


def test_in_unspaced_text_each_character_is_a_word() -> None:
    assert len(changed("drop", SENTENCE)) == 9  # of ten, the comma among them
    swapped = changed("swap", SENTENCE)
    assert swapped != SENTENCE and sorted(swapped) == sorted(SENTENCE)
    assert len(changed("char-drop", SENTENCE, share=0.2)) == 8
    assert len(changed("char-double", SENTENCE, share=0.2)) == 12
    assert "lamp" in changed("drop", "枕头lamp枕头lamp")  # Latin words within stay whole


def test_texts_with_nothing_to_change_come_back() -> None:
    for text in ("", " \n", "a"):
        for name in ("drop", "swap", "char-drop", "char-swap", "synonym"):
            assert changed(name, text) == text


def test_synonyms_keep_capitals_and_the_longest_unspaced_word_is_taken() -> None:
    assert changed("synonym", "A Sofa.") in ("A Couch.", "A Settee.")
    assert {changed("synonym", "sofa", seed) for seed in range(20)} == {"couch", "settee"}
    assert changed("synonym", "软枕头") == "软靠枕"
    assert changed("synonym", "sofas and chairs") == "sofas and chairs"


def test_synonyms_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text(
        "# comment, with a comma\nSofa, couch\nbed\n"
        "Aa01A01= 人 士 人物\nAa01A02# 人类 生人\nswivel chair\toffice chair\n",
        encoding="utf-8-sig",
    )
    of = read_synonyms(file)
    assert list(of("sofa")) == ["Sofa", "couch"] and list(of("士")) == ["人", "士", "人物"]
    assert list(of("swivel chair")) == ["swivel chair", "office chair"]
    assert not of("人类") and not of("bed") and not of("# comment")


@pytest.mark.parametrize("content", [b"", b"alone\n", b"\xff\xfe\x00", None])
def test_a_file_without_synonyms_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"words\.txt"):
        read_synonyms(file)


def test_wordnet_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Meaning:
        def __init__(self, *names: str) -> None:
            self.names = names

        def lemma_names(self) -> tuple[str, ...]:
            return self.names

    meanings = {"sofa": [Meaning("sofa", "couch"), Meaning("love_seat")]}
    wordnet = types.SimpleNamespace(ensure_loaded=lambda: None, synsets=lambda word: meanings.get(word, []))
    monkeypatch.setitem(sys.modules, "nltk", types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", types.SimpleNamespace(wordnet=wordnet))
    of = wordnet_synonyms()
    assert of("sofa") == ("couch", "love seat", "sofa") and of("chair") == ()

    def absent() -> None:
        raise LookupError("no such resource")

    wordnet.ensure_loaded = absent
    with pytest.raises(UsageError, match="--synonyms FILE"):
        wordnet_synonyms()


def test_no_nltk_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(UsageError, match="--synonyms FILE"):
        wordnet_synonyms()


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"views": -1}, "-1"),
        ({"views": 1.5}, "1.5"),
        ({"views": True}, "True"),
        ({"views": 51}, "51"),
        ({"image": ("zoom",)}, "zoom"),
        ({"image": ("none", "crop")}, "none"),
        ({"text": ("shuffle",)}, "shuffle"),
        ({"text": ("translate",)}, "--back-translate"),
        ({"text": ("drop",), "synonyms": "words.txt"}, "synonym"),
        ({"text": ("none",), "back_translate": ("there", "back")}, "translate"),
        ({"share": 0.0}, "0.0"),
    ],
)
def test_wrong_settings_are_refused_by_name(said: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Augmentation(**{"views": 1, **said})  # type: ignore[arg-type]


def test_what_is_named_by_nothing() -> None:
    assert Augmentation(1).text_changes == ("drop", "swap")
    assert Augmentation(1, synonyms="f", back_translate=("d",)).text_changes == (
        "drop",
        "swap",
        "synonym",
        "translate",
    )
    assert (
        Augmentation(1, text=("none",)).text_changes == () == Augmentation(1, image=("none",)).image_changes
    )
