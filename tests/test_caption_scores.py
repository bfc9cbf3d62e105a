"""`--match`: captions scored in the space of a model that matches, against a computation by loops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import motet
from bare_install import motet_bare
from motet.data import ImageCells, infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.runtime import CaptionModel, MatchModel
from motet.runtime.caption_match import caption_scores
from motet.training.caption_settings import CaptionSettings
from motet.training.match_settings import MatchSettings
from test_caption_models import SETTINGS, build, drawn_table, options


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[CaptionModel, MatchModel]:
    folder = tmp_path_factory.mktemp("scores")
    short = CaptionSettings(**{**SETTINGS.__dict__, "epochs": 3})
    build(drawn_table(), folder / "captioner", options(training=short))
    table = read_table(drawn_table())
    schema = infer_schema(table, image=["photo"], text=["said", "said_too"], split="split")
    trained = MatchSettings(width=16, hidden=16, epochs=40, least_steps=80, members=1)
    said = MatchOptions(image_encoders=("descriptor",), text_encoders=("lexical",), training=trained)
    build_match_model(table, schema, folder / "space", said)
    captioner, space = motet.load(folder / "captioner"), motet.load(folder / "space")
    assert isinstance(captioner, CaptionModel) and isinstance(space, MatchModel)
    return captioner, space


def by_loops(space: MatchModel, picture: bytes, caption: str, references: list[str]) -> tuple[float, float]:
    """CLIP-S and RefCLIP-S of one caption, as section 3 of the paper writes them."""
    table = read_table({"photo": [picture]})
    seen = space.embed_images(ImageCells(table, ["photo"])).vectors[0]
    said, *theirs = space.embed_texts([caption, *references]).vectors
    alone = 2.5 * max(float(seen @ said), 0)
    nearest = max(0.0, *(float(said @ one) for one in theirs))
    return alone, 0.0 if alone == 0 or nearest == 0 else 2 / (1 / alone + 1 / nearest)


def test_both_scores_stand_beside_the_other_metrics(models: tuple[CaptionModel, MatchModel]) -> None:
    captioner, space = models
    rows = drawn_table()
    plain = captioner.evaluate(rows)
    found = captioner.evaluate(rows, space=space)
    assert "clip_score" not in plain and "clip_score" not in plain["metrics"]
    assert found["clip_score"]["model"] == "space" and found["clip_score"]["made_by"] == "infonce"
    assert any("was trained on this table" in note for note in found["notes"])
    tested = [i for i, side in enumerate(rows["split"]) if side == "test"]
    said = captioner.describe({"photo": [rows["photo"][i] for i in tested]})
    wanted = [
        by_loops(space, rows["photo"][i], one.caption or "", [rows["said"][i], rows["said_too"][i]])
        for i, one in zip(tested, said, strict=True)
    ]
    for name, value in zip(("clip_score", "ref_clip_score"), np.mean(wanted, axis=0), strict=True):
        metric = found["metrics"][name]
        assert metric["value"] == pytest.approx(value, abs=1e-5)
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert found["baselines"]["nearest-neighbour"]["metrics"][name]["value"] >= 0
    assert found["metrics"]["clip_score"]["value"] > 0
    assert {name: found["metrics"][name] for name in plain["metrics"]} == plain["metrics"]


def test_what_has_no_caption_has_no_score_and_no_words_are_far(
    models: tuple[CaptionModel, MatchModel],
) -> None:
    _, space = models
    cells = ImageCells(read_table({"photo": drawn_table()["photo"][:3]}), ["photo"])
    found = caption_scores(space, cells, np.arange(3), ["a red disc", None, " "])
    assert found[1] is None and found[2] == 0 and found[0] is not None
    assert caption_scores(space, cells, np.arange(3), [None] * 3) == [None] * 3


def test_the_commands_show_it_without_the_learning_wing(
    motet: Callable[..., Any], models: tuple[CaptionModel, MatchModel], tmp_path: Path
) -> None:
    captioner, space = (one.directory.path for one in models)
    rows = drawn_table()
    parquet.write_table(pa.table(rows), tmp_path / "rows.parquet")
    page = tmp_path / "page.html"
    done = motet("evaluate", captioner, tmp_path / "rows.parquet", "--match", space, "--report", page)
    assert done.code == 0 and "CLIPScore" in done.out and "RefCLIPScore" in done.out, done.err
    assert "measured in the space of <bdi>space" in page.read_text(encoding="utf-8")
    picture = tmp_path / "a.png"
    picture.write_bytes(rows["photo"][0])
    bare = motet_bare("describe", captioner, "--image", picture, "--match", space, "--json")
    assert bare.returncode == 0, bare.stderr
    (told,) = json.loads(bare.stdout)
    wanted, _ = by_loops(models[1], rows["photo"][0], told["caption"], [told["caption"]])
    assert told["clip_score"] == pytest.approx(wanted, abs=1e-5)
    shown = motet("describe", captioner, "--image", picture, "--match", space)
    assert shown.out.strip() == told["caption"] and f"CLIPScore {wanted:.3f}" in shown.err


def test_another_model_is_refused(
    motet: Callable[..., Any],
    models: tuple[CaptionModel, MatchModel],
    catalogue: Any,
    tmp_path: Path,
    model_directory: Path,
) -> None:
    captioner, space = (one.directory.path for one in models)
    picture = tmp_path / "a.png"
    picture.write_bytes(drawn_table()["photo"][0])
    done = motet("describe", captioner, "--image", picture, "--match", captioner)
    assert done.code == 2 and "was trained to caption, not to match pictures and words" in done.err
    done = motet("describe", captioner, "--image", picture, "--match", tmp_path / "nowhere")
    assert done.code == 2 and "no such model directory" in done.err
    done = motet("evaluate", model_directory, catalogue.table, "--match", space)
    assert done.code == 2 and "--match scores captions" in done.err
