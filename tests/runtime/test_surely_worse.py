"""When a model is said to be worse than a baseline."""

from __future__ import annotations

import numpy as np

from motet.runtime.surely_worse import worse_notes


def test_only_a_difference_that_is_sure_is_told() -> None:
    """Of 100 rows the model has 40; one baseline 70, one 42, one 20, one answers no row."""
    rows = np.arange(100)
    mine, better, near, worse = ((rows < right).astype(float) for right in (40, 70, 42, 20))
    # the 2 rows that `near` has more are drawn by no resample with chance e^-2, so its interval begins at 0
    baselines = {
        "better": (rows, better),
        "near": (rows, near),
        "worse": (rows, worse),
        "none": (rows[:0], better[:0]),
    }
    (note,) = worse_notes("accuracy", mine, baselines, seed=0)
    assert note.startswith("the model is worse than the baseline better: accuracy 0.400 against 0.700")
    assert "(difference 0.300 [" in note


def test_a_baseline_is_held_against_the_rows_that_it_answers() -> None:
    mine = np.concatenate([np.ones(50), np.zeros(50)])
    late = np.arange(50, 100)
    (note,) = worse_notes("accuracy", mine, {"image-only": (late, np.ones(50))}, seed=0)
    assert "accuracy 0.000 against 1.000 (difference 1.000 [1.000, 1.000])" in note
