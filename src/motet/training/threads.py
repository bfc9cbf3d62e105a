"""Heads over cached features are small: one thread computes them fastest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch and the linear algebra of numpy and scipy to one thread each.

    Starting and joining threads for products this small costs more than they save (a logistic regression on two
    threads took 4 to 20 times as long as on one), and many times more where another program runs beside.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
