"""The prepared directories of encoders that were learned from scratch, and how many of them stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from motet.encoders import load_encoder, torch_small
from motet.encoders.torch_small import write_encoder
from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.preprocessing import ImagePreprocessor

PIXELS = ImagePreprocessor.from_config(
    {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}, "do_resize": True}
)


def written(folder: Path, seed: int, *, hours_ago: float = 0) -> Path:
    """A tiny network with weights of its own, as if made some hours ago."""
    import torch

    torch.manual_seed(seed)
    place = write_encoder(SmallVision(VisionConfig(side=24, widths=(2, 3))), PIXELS, folder)
    stamp = time.time() - 3600 * hours_ago
    os.utime(place, (stamp, stamp))
    return place


def test_of_many_trainings_only_the_newest_encoders_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_small, "KEPT", 2)
    other = tmp_path / "a-pretrained-one"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "something").write_text("else")
    old = [written(tmp_path, seed, hours_ago=20 - seed) for seed in range(4)]
    assert [place.exists() for place in old] == [False, True, True, True]
    again = written(tmp_path, 1)  # the one that is asked for again is the newest now
    assert again == old[1]
    new = written(tmp_path, 9)
    assert [place.exists() for place in old] == [False, True, False, True]
    assert load_encoder(new).name == "small"
    assert other.exists() and (tmp_path / "something").exists()


def test_what_was_made_within_the_hour_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_small, "KEPT", 0)
    made = [written(tmp_path, seed, hours_ago=0.5) for seed in range(3)]
    assert all(place.exists() for place in made)
