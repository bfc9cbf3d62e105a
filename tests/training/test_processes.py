"""A space that several processes train together is the one that a single process trains."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image
from safetensors.torch import load_file, save_file

from motet.data import ImageCells, read_table
from motet.encoders import ArrayRows, FeatureTable
from motet.encoders.torch_small_vision import VisionConfig
from motet.training.match_settings import MatchSettings
from motet.training.match_side import LiveSource
from motet.training.matching import fit_match
from motet.training.pairs import PairFeatures
from motet.training.small import SmallSettings, make_small

# Dropout draws by rows, of which each process has others: without it the weights are the same.
SETTINGS = MatchSettings(
    width=8, hidden=8, epochs=3, least_steps=0, pictures=21, sentences=2, members=1, dropout=0.0, inputs=0.0
)


def trained() -> dict[str, torch.Tensor]:
    random = np.random.default_rng(0)
    picture = np.repeat(np.arange(60), 2)
    hidden = random.normal(size=(60, 5))

    def table(values: np.ndarray) -> FeatureTable:
        return FeatureTable(ArrayRows(values.astype(np.float32)), np.ones(len(values), bool))

    texts = hidden[picture] + 0.2 * random.normal(size=(120, 5))
    same = np.arange(120)
    same[[7, 40]] = 7  # two pictures of which the same is said
    features = PairFeatures({"image:a": table(hidden)}, {"text:a": table(texts)}, picture, same)
    made = fit_match(features, np.arange(50), np.arange(50, 60), SETTINGS)
    loss = torch.tensor([epoch.train_loss for epoch in made.history])
    towers = {"image": made.image, "text": made.text}
    return {"loss": loss} | {
        f"{side} {name}": value
        for side, tower in towers.items()
        for name, value in tower.state_dict().items()
    }


def process(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    meet = f"file://{Path(folder) / 'meet'}"
    dist.init_process_group(
        "gloo", init_method=meet, rank=rank, world_size=world, timeout=timedelta(seconds=60)
    )
    save_file({name: value.contiguous() for name, value in trained().items()}, Path(folder) / str(rank))
    dist.destroy_process_group()


@pytest.mark.slow
def test_several_processes_train_what_one_does(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(process, (2, str(tmp_path)), nprocs=2)
    wanted = trained()
    for rank in range(2):
        for name, value in load_file(tmp_path / str(rank)).items():
            torch.testing.assert_close(value, wanted[name], rtol=1e-3, atol=1e-4)


def live_process(rank: int, world: int, folder: str) -> None:
    """A picture network with batch normalisation is learned, and the epoch that stays is early."""
    torch.set_num_threads(1)
    place = Path(folder)
    meet = f"file://{place / 'meet'}"
    dist.init_process_group(
        "gloo", init_method=meet, rank=rank, world_size=world, timeout=timedelta(seconds=60)
    )
    rows = np.arange(40)
    table = read_table({"photo": [f"{row}.png" for row in rows]}, image_root=place)
    shape = SmallSettings(vision=VisionConfig(side=16, widths=(4, 8)))
    torch.manual_seed(0)
    small = make_small(
        "image", ImageCells(table, ["photo"]), rows[:30], rows[30:], shape, np.random.default_rng(0)
    )
    words = FeatureTable(
        ArrayRows(np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)), rows >= 0
    )
    features = PairFeatures({}, {"text:a": words}, rows, rows)
    settings = replace(SETTINGS, epochs=6, patience=1, pictures=10)
    made = fit_match(
        features, rows[:30], rows[30:], settings, live={"image": LiveSource("image:small", small, rows)}
    )
    found = {**small.network.state_dict(), "epochs": torch.tensor([len(made.history)])}
    save_file({name: value.clone().contiguous() for name, value in found.items()}, place / f"live{rank}")
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_end_alike_where_each_counts_statistics_of_its_own(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for row in range(40):
        pixels = random.integers(0, 255, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{row}.png")
    torch.multiprocessing.spawn(live_process, (2, str(tmp_path)), nprocs=2)
    one, two = (load_file(tmp_path / f"live{rank}") for rank in range(2))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_command_in_two_processes_writes_one_model(catalogue: Any, tmp_path: Path) -> None:
    """`torchrun` starts the command twice: one object on stdout, one model directory."""
    place = tmp_path / "space"
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--module",
        "motet",
        "train",
    ]
    command += [str(catalogue.table), "--task", "match", "--image", "image", "--text", "title", "--json"]
    command += ["--image-encoder", "descriptor", "-o", str(place)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('"schema_version"') == 1
    assert (place / "motet.json").is_file()
