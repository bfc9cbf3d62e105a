"""`--resume`: a training of each task that is killed between epochs, and ends as one that was left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motet.data import infer_schema, read_table
from motet.deployment import (
    AnswerOptions,
    CaptionOptions,
    MatchOptions,
    PretrainOptions,
    build_answer_model,
    build_caption_model,
    build_encoders,
    build_match_model,
)
from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import WordsConfig
from motet.training.answer_settings import AnswerSettings
from motet.training.caption_settings import CaptionSettings
from motet.training.checkpoint import Checkpoint
from motet.training.match_settings import MatchSettings
from motet.training.pretrain_settings import PretrainSettings
from motet.training.small import SmallSettings

Build = Callable[[Path, bool], dict[str, Any]]


def of_match(catalogue: Any) -> Build:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title"], split="split")
    settings = MatchSettings(width=16, hidden=16, epochs=3, least_steps=0, members=2)

    def build(place: Path, resume: bool) -> dict[str, Any]:
        said = MatchOptions(("descriptor",), ("lexical",), training=settings, resume=resume)
        return build_match_model(table, schema, place, said)

    return build


def of_caption(catalogue: Any) -> Build:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title"], split="split")
    settings = CaptionSettings(vocabulary=300, width=16, layers=1, heads=2, epochs=4, least_steps=0)

    def build(place: Path, resume: bool) -> dict[str, Any]:
        said = CaptionOptions(("descriptor",), training=settings, beams=1, resume=resume)
        return build_caption_model(table, schema, place, said)

    return build


def of_answer(catalogue: Any) -> Build:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], question=["title"], answer=["category"], split="split")
    settings = AnswerSettings(width=16, epochs=4)

    def build(place: Path, resume: bool) -> dict[str, Any]:
        said = AnswerOptions(("descriptor",), training=settings, resume=resume)
        return build_answer_model(table, schema, place, said)

    return build


def of_pretrain(catalogue: Any) -> Build:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title"], split="split")
    small = SmallSettings(vision=VisionConfig(side=16, widths=(8, 16)), words=WordsConfig(300, 16, 1, 2))
    settings = PretrainSettings(small=small, width=16, layers=1, epochs=3, pictures=16)

    def build(place: Path, resume: bool) -> dict[str, Any]:
        return build_encoders(table, schema, place, PretrainOptions(training=settings, resume=resume))

    return build


@pytest.mark.parametrize(
    ("of_task", "epochs"), [(of_match, 4), (of_caption, 2), (of_answer, 2), (of_pretrain, 2)]
)
def test_a_training_that_was_interrupted_writes_the_same_heads(
    of_task: Callable[[Any], Build],
    epochs: int,
    catalogue: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = of_task(catalogue)
    whole = build(tmp_path / "whole", False)
    saved = Checkpoint.save
    calls = 0

    def stopped(self: Checkpoint, *state: Any) -> None:
        nonlocal calls
        saved(self, *state)
        calls += 1
        if calls == epochs:  # of matching, the first of the second member
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "stopped", False)
    assert not (tmp_path / "stopped").exists()
    resumed = build(tmp_path / "stopped", True)
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    assert resumed["history"] == whole["history"]
    for weights in (tmp_path / "whole").rglob("*.safetensors"):
        other = tmp_path / "stopped" / weights.relative_to(tmp_path / "whole")
        assert weights.read_bytes() == other.read_bytes(), weights.name


def test_a_command_without_anything_to_resume_says_so(motet: Any, catalogue: Any, tmp_path: Path) -> None:
    columns = ("--task", "match", "--image", "image", "--text", "title")
    ran = motet("train", catalogue.table, *columns, "-o", tmp_path / "model", "--resume")
    assert ran.code == 2 and "no interrupted training" in ran.err
    ran = motet("train", catalogue.table, "--label", "category", "-o", tmp_path / "model", "--resume")
    assert ran.code == 2 and "has no --resume" in ran.err


def test_a_command_that_is_stopped_says_how_to_go_on(
    motet: Any, catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Checkpoint.save

    def stopped(self: Checkpoint, *state: Any) -> None:
        saved(self, *state)
        raise KeyboardInterrupt

    columns = ("--task", "match", "--image", "image", "--text", "title", "--text-encoder", "lexical")
    said = ("train", catalogue.table, *columns, "--image-encoder", "descriptor", "-o", tmp_path / "model")
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", stopped)
        ran = motet(*said)
    assert ran.code == 130 and "--resume" in ran.err
    assert motet(*said, "--resume").code == 0 and (tmp_path / "model" / "motet.json").is_file()
