"""Several processes that train one model: how they meet, who leads, what each does of a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from motet.training.pairs import Rows

LONGEST_WAIT = timedelta(days=1)  # for the leader, which encodes first


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` started, where it started several; else there is one, which leads."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    dist.init_process_group("gloo", timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def several() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized()


def leads() -> bool:
    """Whether this process is the one that measures, writes and prints."""
    return not several() or dist.get_rank() == 0


@contextmanager
def leader_first() -> Iterator[None]:
    """What the leader does before the others do it: they then find in the cache what it encoded."""
    if not leads():
        dist.barrier()
    yield
    if several() and leads():
        dist.barrier()


def mine(rows: Rows) -> Rows:
    """This process's part of the rows of a batch: as many as the others', or one more."""
    part: Rows = np.array_split(rows, dist.get_world_size())[dist.get_rank()]
    return part


def as_the_leader(network: nn.Module) -> None:
    """Let every process have the leader's running statistics: each counts those of its own rows."""
    if several():
        for buffer in network.buffers():
            dist.broadcast(buffer, 0)


def leaders_number(value: float | None) -> float | None:
    """The leader's number in every process, which then decide alike; None where it is None in all."""
    if not several() or value is None:
        return value
    told = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(told, 0)
    return float(told)


def average(loss: Tensor, learned: nn.Module) -> float:
    """Let every process have the mean of all gradients, and return the mean loss."""
    for value in (loss, *(parameter.grad for parameter in learned.parameters())):
        if value is not None:
            dist.all_reduce(value)
            value /= dist.get_world_size()
    return float(loss)
