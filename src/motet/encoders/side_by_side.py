"""Batches are encoded side by side, one a processor.

Two batches at a time on one core each go a quarter faster through a small network than one batch on both cores, since
no core waits for the other at the end of every layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
AHEAD = (
    2  # items a worker that are taken before their turn: enough that none waits, few enough to hold in memory
)


def side_by_side(function: Callable[[Item], Made], items: Iterable[Item], workers: int) -> Iterator[Made]:
    """Yield `function(item)` of each item, in their order, as `map` does; `workers` of them are computed at a time.

    Items are taken by the caller's thread, no more than AHEAD a worker before their answer is asked for. The first
    error that `function` raises is raised in its item's turn, and what was not begun by then never is.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
