"""The baseline of captions: the nearest training picture's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motet.data.duplicates import normalised_digests
from motet.errors import ModelError
from motet.runtime import caption_neighbours
from motet.runtime.caption_neighbours import Neighbours


def neighbours(count: int = 30) -> tuple[np.ndarray, Neighbours]:
    pooled = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    captions = [f"picture {number} 图" for number in range(count)]
    return pooled, Neighbours.of(pooled, captions, normalised_digests([*captions, "a dog", "A dog."]))


def test_the_nearest_is_that_of_a_loop() -> None:
    pooled, made = neighbours()
    asked = np.random.default_rng(1).normal(size=(12, 8)).astype(np.float32)
    for query, said in zip(asked, made.nearest(asked), strict=True):
        cosines = [query @ one / np.linalg.norm(query) / np.linalg.norm(one) for one in pooled]
        assert said == f"picture {int(np.argmax(cosines))} 图"
    assert made.nearest(asked[:0]) == []
    assert made.nearest(np.zeros((1, 8)))[0] in made.captions


def test_what_is_written_is_read(tmp_path: Path) -> None:
    _, made = neighbours()
    made.save(tmp_path / "neighbours.arrow", tmp_path / "sentences.arrow")
    read = Neighbours.load(tmp_path / "neighbours.arrow", tmp_path / "sentences.arrow")
    np.testing.assert_array_equal(read.vectors, made.vectors)
    np.testing.assert_array_equal(read.digests, made.digests)
    assert read.captions == made.captions and len(read.digests) == 31  # equal sentences are one
    (tmp_path / "neighbours.arrow").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read as captions"):
        Neighbours.load(tmp_path / "neighbours.arrow", tmp_path / "sentences.arrow")


def test_of_many_pictures_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_neighbours, "MOST", 10)
    pooled, made = neighbours(25)
    assert made.captions == tuple(f"picture {number} 图" for number in range(0, 25, 3))
    assert made.nearest(pooled[6:7]) == ["picture 6 图"] and len(made.digests) == 26
