"""Heads over cached features are small: one thread computes each fastest, and several are computed side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread.

    Starting and joining threads for products this small costs about what they save, and many times more where another
    program runs beside.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What each job returns, in their order; as many run at a time as PyTorch may use threads, each on one.

    Jobs are begun in their order, so the longest come first. What they return must not depend on the others: they
    draw from generators of their own.
    """
    threads = min(torch.get_num_threads(), len(jobs)) or 1
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: job(), jobs))
