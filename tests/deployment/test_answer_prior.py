"""The prior of answers, in parts of few rows, against all at once."""

from __future__ import annotations

import numpy as np
import pytest

from motet.data.answers import Answers, count_answers
from motet.deployment import answer
from motet.tasks.answer import answer_targets


def test_the_prior_does_not_depend_on_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    rows = [tuple(random.choice(["yes", "no", "2", "red"], 3)) for _ in range(23)]
    counts = count_answers(Answers(tuple(rows)), ["yes", "no", "2"])
    chosen = np.flatnonzero(random.random(23) < 0.7)
    targets = answer_targets(counts.dense(chosen), counts.totals[chosen])
    monkeypatch.setattr(answer, "ROWS_AT_ONCE", 4)
    found = answer._prior(counts, chosen)
    np.testing.assert_allclose(found, targets.sum(axis=0) / targets.sum(), rtol=1e-6)
    assert found.sum() == pytest.approx(1)
