"""What an answer rests on, drawn."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from motet.report import regions, spotlight
from motet.report.occlusion import LEAST, VEIL, pieces


def test_the_region_that_matters_stays_bright_and_all_else_is_darkened() -> None:
    falls = np.zeros((8, 8))
    falls[0:2, 6:8] = 0.4  # the top right corner
    uri = spotlight(Image.new("RGB", (64, 64), (200, 200, 200)), falls)
    assert uri is not None
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L"), float)
    side = len(drawn)
    assert abs(drawn[side // 16, -side // 16] - 200) < 8
    assert abs(drawn[-side // 16, side // 16] - 200 * (1 - VEIL)) < 8


def test_nothing_is_lit_where_no_region_matters() -> None:
    picture = Image.new("RGB", (64, 64))
    assert spotlight(picture, np.full((8, 8), LEAST / 2)) is None
    assert spotlight(picture, np.full((8, 8), -0.5)) is None
    assert regions({}) is None and regions({"regions": None}) is None


def test_words_are_marked_by_their_share_of_the_greatest_fall() -> None:
    found = pieces({"words": [["how", 0.1], [" ", None], ["many", -0.4], ["?", 0.0]]})
    assert [(one.text, one.share, one.against) for one in found] == [
        ("how", 0.25, False),
        (" ", 0.0, False),
        ("many", -1.0, True),
        ("?", 0.0, False),
    ]
    (faint,) = pieces({"words": [["how", LEAST / 4]]})
    assert faint.share == 0.25  # not blown up
