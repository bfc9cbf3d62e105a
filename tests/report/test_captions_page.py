"""The page of a captioner: its figures are those given, words of tables are escaped, and what is absent is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_html import read, rows
from sample_evaluation import drawn_uri

from motet.report import render_report


def metrics(cider: float) -> dict[str, dict[str, float]]:
    names = ("cider_d", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l")
    values = [cider, 0.55, 0.36, 0.24, 0.16, 0.41]
    return {
        name: {"value": value, "low": value - 0.02, "high": value + 0.02}
        for name, value in zip(names, values, strict=True)
    }


def faults(copied: int) -> dict[str, float]:
    return {"empty": 1, "repeated": 2, "copied": copied, "different": 700, "words": 8.5}


def evaluation() -> dict[str, Any]:
    examples = [
        {
            "image_row": 3,
            "caption": "a dog <b>runs</b>",
            "neighbour": "一只狗",
            "references": ["A & B .", "a dog"],
        },
        {"image_row": 4, "caption": "", "neighbour": "a cat", "references": ["a cat sits"]},
    ]
    return {
        "schema_version": 1, "task": "caption", "split": "test", "n": 1000, "metrics": metrics(0.45),
        "faults": faults(61), "tokenizer": "own: words",
        "baselines": {"nearest-neighbour": {"n": 1000, "metrics": metrics(0.21), "faults": faults(1000)}},
        "examples": {"captions": examples}, "notes": ["a note"], "issues": {"broken": 0},
    }  # fmt: skip


def test_every_figure_is_the_one_given() -> None:
    root = read(render_report(evaluation(), title="photos", thumbnails={3: drawn_uri(3)}))
    assert "CIDEr-D 0.450" in root.text and "nearest-neighbour 0.210" in root.text
    table = root.all("table", "scores")[0]
    shown = {row[0].removesuffix(" baseline"): row for row in rows(table) if len(row) > 1}
    for name, cider in (("this model", "0.450"), ("nearest-neighbour", "0.210")):
        assert shown[name][1] == "1,000" and shown[name][2].startswith(cider)
        assert any(cell.startswith("0.160") for cell in shown[name])
    counted = [row for row in rows(root.all("table")[1]) if row[0] != "Captions"]
    assert [row[2:6] for row in counted] == [["1", "2", "61", "700"], ["1", "2", "1,000", "700"]]


def test_captions_stand_with_their_pictures_and_are_escaped() -> None:
    page = render_report(evaluation(), title="photos", thumbnails={3: drawn_uri(3)})
    assert "<b>runs</b>" not in page and "a dog &lt;b&gt;runs" in page and "A &amp; B ." in page
    assert 'lang="zh' in page and "an empty caption" in page
    assert len(read(page).all("article")) == 2 and page.count("data:image/jpeg") == 1


@pytest.mark.parametrize("left_out", ["metrics", "faults", "baselines", "examples", "tokenizer", "n"])
def test_what_is_absent_is_left_out(left_out: str) -> None:
    made = evaluation()
    del made[left_out]
    assert read(render_report(made, title="photos")).one("h1").text == "photos"


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(evaluation())), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
))  # fmt: skip
def test_the_page_survives_anything_in_place_of_any_value(key: str, value: Any) -> None:
    read(render_report({**evaluation(), key: value, "task": "caption"}, title="photos"))
