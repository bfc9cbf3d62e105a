"""Engines: opened once, early where they are sure to be used, and batches run through them in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.encoders import FeatureCache
from motet.encoders.engine import run_batches
from motet.encoders.pretrained import PretrainedEncoder


class Engine:
    """Doubles its input; counts how it is called."""

    name = "fake"

    def __init__(self) -> None:
        self.narrow = False
        self.called_narrow: list[bool] = []

    def __call__(self, inputs: Any) -> Any:
        self.called_narrow.append(self.narrow)
        return inputs * 2

    @contextmanager
    def side_by_side(self) -> Iterator[Engine]:
        self.narrow = True
        yield self
        self.narrow = False


@pytest.mark.parametrize("batches", [0, 1, 2, 9])
def test_one_batch_has_all_cores_and_several_one_each(batches: int) -> None:
    engine, opened = Engine(), []

    def open_engine() -> Engine:
        opened.append(1)
        return engine

    made = list(run_batches(open_engine, lambda one, batch: one(batch), iter(range(batches))))  # type: ignore[arg-type]
    assert made == [2 * n for n in range(batches)]
    assert engine.called_narrow == [batches > 1] * batches
    assert bool(opened) == bool(batches)  # with everything cached no engine is opened at all


@pytest.fixture
def encoder(tmp_path: Path) -> tuple[PretrainedEncoder, list[threading.Thread]]:
    said = {"name": "n", "modality": "text", "width": 2, "licence": "MIT", "identity": "abc"}
    (tmp_path / "encoder.json").write_text(json.dumps(said))
    opened: list[threading.Thread] = []

    def make() -> Engine:
        opened.append(threading.current_thread())
        return Engine()

    return PretrainedEncoder(tmp_path, engine=make), opened  # type: ignore[arg-type]


def test_it_is_opened_once_by_whichever_thread_comes_first(
    encoder: tuple[PretrainedEncoder, list[threading.Thread]],
) -> None:
    made, opened = encoder
    made.open_early(None)
    assert made.engine is made.engine
    assert len(opened) == 1
    for thread in opened:
        thread.join()


def test_it_is_not_opened_early_where_the_cache_may_have_everything(
    encoder: tuple[PretrainedEncoder, list[threading.Thread]], tmp_path: Path
) -> None:
    made, opened = encoder
    cache = FeatureCache(tmp_path / "cache")
    cache.shelf(made.fingerprint, 2).add(np.ones((1, 16), np.uint8), [np.ones(2, np.float32)])
    before = threading.active_count()
    made.open_early(cache)
    assert threading.active_count() == before and not opened
