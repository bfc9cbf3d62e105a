from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from reading_html import read, rows
from sample_evaluation import drawn_picture, drawn_uri, prediction

from motet.errors import UsageError
from motet.report import render_card, thumbnail
from motet.report.card import bars, explanations


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_the_card_shows_picture_words_and_every_figure() -> None:
    picture = drawn_uri(1)
    root = read(render_card(prediction(), picture=picture, text="<b>茶壶</b>", title="one sample"))
    assert root.one("img").attributes["src"] == picture
    assert root.one("h1").text == "厨房与餐厅"
    assert "confidence 0.812" in root.text and "from image and text" in root.text
    assert "<b>茶壶</b>" in root.text and root.all("b") == []
    shown = rows(root.one("table", "bars"))[1:]
    assert shown[0][:2] == ["厨房与餐厅", "0.812"]
    # Thirteen classes: ten are shown, and the three least probable, .0021 each, as one.
    assert len(shown) == 11 and shown[-1][:2] == ["other classes (3)", "0.006"]


def test_bars_are_as_long_as_their_probability_and_sum_to_the_whole() -> None:
    drawn = bars(prediction())
    assert drawn[0].width == 81.23 and drawn[0].predicted and not drawn[1].predicted
    assert sum(bar.probability for bar in drawn) == pytest.approx(sum(prediction()["probabilities"].values()))
    assert [bar.rest for bar in drawn] == [False] * 10 + [True]


@pytest.mark.parametrize(("classes", "shown", "rest"), [(1, 1, 0), (10, 10, 0), (11, 11, 0), (12, 11, 2)])
def test_a_single_other_class_is_named(classes: int, shown: int, rest: int) -> None:
    drawn = bars({"probabilities": {f"c{index}": 1 / classes for index in range(classes)}})
    assert len(drawn) == shown
    assert drawn[-1].name == (f"other classes ({rest})" if rest else f"c{classes - 1}")


def test_an_issue_is_said_and_what_is_missing_too() -> None:
    said = {**prediction(), "issue": "the picture <x> is truncated", "prediction": ["a", "b"]}
    root = read(render_card(said, picture=None, text=None, title="t"))
    assert root.one("h1").text == "a, b"
    assert "Issue. the picture <x> is truncated" in root.text
    assert "no picture" in root.text and "no text" in root.text


def test_nulls_are_left_out() -> None:
    for record in ({}, dict.fromkeys(prediction()), {**prediction(), "probabilities": {"a": None, "b": 1.0}}):
        read(render_card(record, picture=None, text=None, title="t"))
    assert "no answer" in read(render_card({}, picture=None, text=None, title="t")).text


def test_a_picture_from_outside_is_refused() -> None:
    with pytest.raises(UsageError, match="picture is not the data URI"):
        render_card(prediction(), picture="http://example.org/x.png", text=None, title="t")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_thumbnails_of_every_mode(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((100, 400), 0x8000, dtype=np.uint16))
    else:
        image = drawn_picture(1).resize((400, 100)).convert(mode)
    before = image.copy()
    small = decoded(thumbnail(image))
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (160, 40))
    assert image.size == before.size
    if mode == "I;16":
        # 0x8000 of 0xFFFF is 0x80 of 0xFF.
        assert abs(np.asarray(small, dtype=int) - 0x80).max() <= 1


def test_thumbnails_lie_on_white_and_do_not_grow() -> None:
    clear = Image.new("RGBA", (30, 20), (255, 0, 0, 0))
    small = decoded(thumbnail(clear))
    assert small.size == (30, 20) and np.asarray(small).min() >= 254
    assert decoded(thumbnail(Image.new("RGB", (5000, 1)), size=64)).size == (64, 1)


def test_thumbnails_are_upright_and_carry_no_metadata() -> None:
    image = Image.new("RGB", (60, 20), "white")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # Orientation 6: stored lying on its side.
    written = io.BytesIO()
    image.save(written, format="JPEG", exif=exif, comment=b"a secret", icc_profile=b"x" * 200)
    small = decoded(thumbnail(Image.open(written)))
    assert small.size == (20, 60)
    assert not small.getexif() and not {"comment", "icc_profile", "exif"} & set(small.info)


def test_what_each_modality_adds_goes_on_from_where_the_one_before_ended() -> None:
    """From .14 with nothing shown, .72 further to .86, and .05 back to the confidence, .81."""
    record = {"confidence": 0.81, "contributions": {"image": 0.72, "text": -0.05}}
    (one,) = explanations(record)
    found = one.steps
    assert [(one.name, round(one.value, 9)) for one in found] == [
        ("nothing shown", 0.14), ("image", 0.72), ("text", -0.05),
    ]  # fmt: skip
    assert [(one.start, one.width) for one in found] == [(0, 14), (14, 72), (81, 5)]
    told = {**prediction(), **record}
    shown = rows(read(render_card(told, picture=None, text=None, title="t")).one("table", "steps"))[1:]
    assert [row[:2] for row in shown] == [["nothing shown", "0.140"], ["image", "+0.720"], ["text", "−0.050"]]
    assert (
        explanations(prediction())
        == []
        == explanations({"confidence": None, "contributions": {"image": 0.1}})
    )


def test_the_steps_to_a_number_span_their_own_axis_and_each_label_has_its_own() -> None:
    """From 30 with nothing shown, 50 further to 80, 60 back to 20, which is the answer: the axis is 20 to 80."""
    record = {"prediction": 20.0, "probabilities": None, "contributions": {"image": 50, "text": -60}}
    (one,) = explanations(record)
    assert [(step.value, step.start, step.width) for step in one.steps] == [
        (30, 16.67, 0.6), (50, 16.67, 83.33), (-60, 0, 100),
    ]  # fmt: skip
    page = read(render_card({**record, "confidence": None}, picture=None, text=None, title="t"))
    assert "What each modality adds to the number" in page.text
    several = {
        "prediction": ["a", "b"],
        "probabilities": {"a": 0.9, "b": 0.6, "c": 0.1},
        "contributions": {"image": {"a": 0.4, "b": 0.1}},
    }
    a, b = explanations(several)
    assert (a.name, [step.value for step in a.steps]) == ("a", [0.5, 0.4])
    assert (b.name, [(step.start, step.width) for step in b.steps]) == ("b", [(0, 50), (50, 10)])
    assert "probability of b" in read(render_card(several, picture=None, text=None, title="t")).text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"set": ["boots", "shoes"]}, "One of boots, shoes: right in 95 % of rows like those held out"),
        ({"set": ["boots"]}, "Only boots: right in 95 %"),
        ({"interval": [-2.5, 14.25], "probabilities": None}, "Between -2.5 and 14.25: right in 95 %"),
        ({"interval": [None, None]}, "Any number: too few rows were held out for an interval"),
        ({"abstain": True}, "Less sure than asked"),
    ],
)
def test_what_was_asked_for_is_on_the_card(asked: dict[str, object], said: str) -> None:
    page = read(render_card({**prediction(), **asked}, picture=None, text=None, title="t", coverage=0.95))
    assert said in page.text
    plain = read(render_card({**prediction(), "abstain": False}, picture=None, text=None, title="t")).text
    assert "right in" not in plain and "Less sure" not in plain
