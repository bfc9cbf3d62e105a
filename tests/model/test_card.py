"""The model card stays one table and one list, whatever classes and encoders are called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import motet
from motet.model import Manifest, model_card


@pytest.fixture(scope="module")
def manifest(model_directory: Path) -> Manifest:
    return motet.load(model_directory).manifest


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "`plain`"),
        ("台灯", "`台灯`"),
        ("a|b", "`a|b`"),  # in running words, not in a table, a pipe is no markup
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
        ("two\nlines\r\nand more", "`two lines and more`"),
        ("# <b>", "`# <b>`"),
    ],
)
def test_a_class_of_any_name_is_one_code_span(manifest: Manifest, name: str, shown: str) -> None:
    card = model_card(replace(manifest, classes=("first", name, "last")), None)
    assert f"one of 3 classes: `first`, {shown}, `last`. Any of" in card
    assert card.count("\n") == model_card(replace(manifest, classes=("first", "x", "last")), None).count("\n")


def test_what_was_chosen_stays_in_its_cell(manifest: Manifest) -> None:
    entry = replace(manifest.patterns["text"], chosen="a|b", why="`first`\n# <script>[x](y)")
    card = model_card(replace(manifest, patterns={"text": entry}), None)
    assert "\n| text | a\\|b | \\`first\\` # \\<script>\\[x\\](y) |\n" in card


def test_an_encoder_stays_on_its_line(manifest: Manifest) -> None:
    source = replace(manifest.sources["text:lexical"], encoder="mine\n- *not* another", licence="MIT\n\n# x")
    card = model_card(replace(manifest, sources={"text:`a": source}), None)
    assert "\n- ``text:`a``: mine - \\*not\\* another, licence MIT  # x\n" in card
