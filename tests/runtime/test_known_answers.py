"""Answers that are remembered are those that the model gives, and each is asked for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet import load
from motet.runtime.known_answers import KnownAnswers


@pytest.mark.parametrize("memory", [2**27, 0])
def test_the_model_is_asked_once_for_each_row_and_pattern(
    model_directory: Path, catalogue: Any, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    monkeypatch.setattr("motet.runtime.known_answers.IN_MEMORY", memory)
    model = load(model_directory)
    encoded = model.encode(model.read(catalogue.table))
    known, plain = KnownAnswers(model, encoded), model.probabilities
    asked: list[tuple[int, str]] = []

    def watched(rows: Any, present: Any, at: Any = None) -> Any:
        asked.extend((row, str([have[row] for have in present.values()])) for row in at)
        return plain(rows, present, at)

    if memory:
        monkeypatch.setattr(model, "probabilities", watched)
    random = np.random.default_rng(0)
    for _ in range(6):
        shown = {m: have & (random.random(len(have)) < 0.5) for m, have in encoded.present.items()}
        assert known(shown) == pytest.approx(plain(encoded, shown), abs=1e-6)
    assert len(asked) == len(set(asked)) and bool(asked) == bool(memory)
