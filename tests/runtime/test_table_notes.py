"""What is said of patterns that training could not choose for, whatever the target."""

from __future__ import annotations

import numpy as np
import pytest

from motet.model import Member, PatternEntry
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.table_notes import pattern_notes


def entry(thresholds: tuple[float | None, ...] = (), cuts: tuple[float, ...] = ()) -> PatternEntry:
    return PatternEntry("single", (Member("text:a"),), 1.0, "text:a", "no row held out", thresholds, cuts)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (entry(thresholds=(0.1, None)), False),
        (entry(thresholds=(None, None)), True),
        (entry(cuts=(0.5, 0.3)), False),  # labels have cuts, and no thresholds
        (entry(), True),
    ],
)
def test_a_pattern_without_held_out_rows_is_told(made: PatternEntry, told: bool) -> None:
    notes = pattern_notes({"text": 2}, {"text": made})
    assert notes == (["2 rows have text: answered by text:a (no row held out)"] if told else [])


def test_labels_without_held_out_rows_have_no_cuts() -> None:
    target = LabelsTarget(("a", "b"))
    assert target.cuts(np.zeros((0, 2)), np.zeros((0, 2))) == ()
    assert len(target.cuts(np.zeros((3, 2)), np.zeros((3, 2)))) == 2
