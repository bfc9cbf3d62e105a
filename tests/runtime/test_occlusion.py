"""What an answer rests on: parts that matter are found, in the right place, and the rest is not."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from motet.runtime.occlusion import GRID, MOST_PIECES, WINDOW, cell_means, occlude, question_pieces


@given(st.text(max_size=300))
def test_pieces_are_the_whole_question_and_few(question: str) -> None:
    pieces = question_pieces(question)
    assert "".join(text for text, _ in pieces) == question
    assert sum(word for _, word in pieces) <= MOST_PIECES


def test_words_are_parted_and_unspaced_characters_are_words() -> None:
    assert [text for text, word in question_pieces("is it  red?") if word] == ["is", "it", "red?"]
    assert [text for text, word in question_pieces("这是 red 吗") if word] == ["这", "是", "red", "吗"]
    assert len(question_pieces("word " * 10_000)) <= MOST_PIECES


def test_each_cell_is_the_mean_of_the_windows_that_hid_it() -> None:
    random = np.random.default_rng(0)
    places = GRID - WINDOW + 1
    falls = random.normal(size=places * places)
    made = np.array(cell_means(falls))
    for row in range(GRID):
        for column in range(GRID):
            hid = [
                falls[top * places + left]
                for top in range(places)
                for left in range(places)
                if top <= row < top + WINDOW and left <= column < left + WINDOW
            ]
            assert made[row, column] == pytest.approx(np.mean(hid))


def redness(questions: Sequence[str | None], pictures: Sequence[bytes | None]) -> np.ndarray:
    """A model that sees whether anything is red, and reads whether red was asked for."""
    made = []
    for question, picture in zip(questions, pictures, strict=True):
        probability = 0.1 + 0.2 * ("red" in (question or ""))
        if picture is not None:
            pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
            probability += 0.5 * ((pixels[..., 0] > 200) & (pixels[..., 1] < 80)).any()
        made.append(probability)
    return np.array(made)


def test_the_region_and_the_word_that_decide_are_found() -> None:
    pixels = np.full((64, 64, 3), 235, np.uint8)
    pixels[20:26, 44:48] = (230, 20, 20)  # row 2 or 3, column 5
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    found = occlude(redness, "is it red ?", file.getvalue(), "yes")
    assert found.whole == pytest.approx(0.8)
    assert {text: fall for text, fall in found.words if fall} == {"red": pytest.approx(0.2)}
    regions = np.array(found.regions)
    row, column = np.unravel_index(regions.argmax(), regions.shape)
    assert row in (2, 3) and column == 5
    assert regions[:, :3].max() == 0 and regions[5:].max() == 0


def test_a_large_picture_is_compared_with_itself_made_smaller() -> None:
    """A model of the size alone: hiding takes nothing off, though what is hidden in was made smaller."""
    file = io.BytesIO()
    Image.fromarray(np.full((1100, 1100, 3), 90, np.uint8)).save(file, format="PNG")

    def size(questions: Sequence[str | None], pictures: Sequence[bytes | None]) -> np.ndarray:
        return np.array([Image.open(io.BytesIO(one or b"")).width / 2000 for one in pictures])

    found = occlude(size, "how large ?", file.getvalue(), "yes")
    assert found.whole == pytest.approx(0.55) and not np.array(found.regions).any()


def test_a_question_or_a_picture_alone() -> None:
    without = occlude(redness, "red", None, "yes")
    assert without.regions is None and without.words == (("red", pytest.approx(0.2)),)
    nothing = occlude(redness, None, None, "yes")
    assert nothing.words == () and nothing.whole == pytest.approx(0.1)
