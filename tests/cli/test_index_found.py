"""What a search found, with the pictures of its rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from motet.cli.index_collection import PICTURES
from motet.cli.index_found import Answer, pictures_of, write_sheet
from motet.retrieval import Index


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Two rows with two picture columns each; the first row's first picture is broken."""
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("back", "left", "right"):
        Image.new("RGB", (9, 9), "teal").save(tmp_path / f"{name}.png")
    metadata = pa.table({"front": ["broken.png", "left.png"], "rear": ["back.png", "right.png"]})
    about = {PICTURES: json.dumps(["front", "rear"]), "image_root": str(tmp_path)}
    vectors = np.eye(2, 8, dtype=np.float32)
    return Index.create(tmp_path / "index", vectors, ["a", "b"], metadata, model="m", about=about)


def answers(index: Index) -> list[Answer]:
    facts = index.metadata(np.arange(2)).to_pylist()
    return [Answer(name, 1.0, of_row) for name, of_row in zip("ab", facts, strict=True)]


def test_all_pictures_of_a_row_are_looked_at_again(index: Index) -> None:
    cells = pictures_of(index, answers(index), None)
    assert cells is not None and [len(of_row) for of_row in cells.take(np.arange(2))] == [2, 2]


def test_a_sheet_shows_the_first_picture_that_can_be_read_and_no_paths(index: Index, tmp_path: Path) -> None:
    sheet = tmp_path / "found.html"
    write_sheet(sheet, index, answers(index), "teal", [], None, None)
    page = sheet.read_text(encoding="utf-8")
    assert page.count("data:image/") == 2 and "left.png" not in page and "back.png" not in page
