"""Several processes against one with the whole batch: the same loss, the same gradients, odd sizes included."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn

from motet.tasks.match import OBJECTIVES, MatchBatch, make_objective
from motet.training.distributed import loss_of_process

WIDTH = 6
PICTURE = np.array([0, 0, 1, 2, 2, 2, 3, 4, 6, 6, 5])  # of each sentence
SAME = np.array([0, 1, 2, 1, 3, 4, 5, 6, 7, 8, 9])  # sentences 1 and 3 say the same, of pictures 0 and 2
# Pictures of each process, and sentences, which need not be those of its pictures.
SHARDS = {
    2: [([0, 1, 2, 3, 5], [0, 1, 2, 10]), ([4, 6], [3, 4, 5, 6, 7, 8, 9])],
    3: [([6], [9, 1]), ([0, 2, 4], [0]), ([1, 3, 5], [2, 3, 4, 5, 6, 7, 8, 10])],
}


def positives(pictures: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    return np.array(
        [
            [any(PICTURE[k] == p and SAME[k] == SAME[s] for k in range(len(PICTURE))) for s in sentences]
            for p in pictures
        ]
    )


def networks(name: str) -> tuple[nn.Linear, nn.Linear, nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    made = nn.Linear(4, WIDTH), nn.Linear(5, WIDTH), make_objective(name, WIDTH, {"distance": 0.3})
    return *made, torch.randn(7, 4), torch.randn(len(PICTURE), 5)


def unit(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.normalize(x, dim=-1)


def gradients(name: str, rank: int | None, world: int = 1) -> list[torch.Tensor]:
    """Loss and gradients of one process of several, or of one with the whole batch."""
    image, text, objective, x, y = networks(name)
    if rank is None:
        marks = torch.from_numpy(positives(np.arange(7), np.arange(len(PICTURE))))
        assert marks.sum() == len(PICTURE) + 2  # the sentence that is there twice belongs to both pictures
        loss = objective(MatchBatch(unit(image(x)), unit(text(y)), marks))
    else:
        mine, said = (np.array(numbers) for numbers in SHARDS[world][rank])
        loss = loss_of_process(objective, unit(image(x[mine])), unit(text(y[said])), mine, said, positives)
    loss.backward()
    parameters = [*image.parameters(), *text.parameters(), *objective.parameters()]
    return [loss.detach(), *(parameter.grad for parameter in parameters)]


def process(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    place = Path(folder)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{place / 'meet'}",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=60),
    )
    found = {}
    for name in OBJECTIVES:
        for number, value in enumerate(gradients(name, rank, world)):
            dist.all_reduce(value)  # the mean, as DistributedDataParallel takes it
            found[f"{name} {number}"] = value / world
    save_file(found, place / str(rank))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("world", SHARDS)
def test_several_processes_equal_one(world: int, tmp_path: Path) -> None:
    torch.multiprocessing.spawn(process, (world, str(tmp_path)), nprocs=world)
    for name in OBJECTIVES:
        for number, wanted in enumerate(gradients(name, None)):
            for rank in range(world):
                found = load_file(tmp_path / str(rank))[f"{name} {number}"]
                torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
