"""Each pattern on all rows that have its modalities, and the others truly hidden."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from motet.evaluation import classification_metrics, evaluate_patterns, row_patterns

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
PRESENT = {  # not in canonical order, on purpose
    "text": np.array([1, 1, 1, 1, 0, 0, 0, 1], bool),
    "image": np.array([1, 1, 1, 0, 1, 1, 0, 0], bool),
}
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, -2])


class Recorder:
    """A classifier that keeps what it was shown, and answers by it: 0 without text, 1 by text, 2 by both."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Bools]] = []

    def __call__(self, present: Mapping[str, Bools]) -> Floats:
        self.shown.append({name: mask.copy() for name, mask in present.items()})
        code = present["text"].astype(int) + (present["text"] & present["image"])
        return np.eye(3)[code] * 0.7 + 0.1


def test_patterns_in_order_with_their_rows_counted() -> None:
    result, whole = evaluate_patterns(Recorder(), PRESENT, LABELS)
    assert list(result["patterns"]) == ["image+text", "image", "text", "none"]
    assert [entry["n"] for entry in result["patterns"].values()] == [3, 5, 5, 8]
    assert result["overall"]["n"] == 8
    assert whole.shape == (8, 3)


def test_hidden_modalities_are_hidden_and_shown_ones_shown() -> None:
    recorder = Recorder()
    evaluate_patterns(recorder, PRESENT, LABELS)
    overall, *patterns = recorder.shown
    for name in PRESENT:
        np.testing.assert_array_equal(overall[name], PRESENT[name])
    for shown, mask in zip([("image", "text"), ("image",), ("text",), ()], patterns, strict=True):
        assert list(mask) == list(PRESENT)
        rows = np.all([PRESENT[name] for name in shown], axis=0) if shown else np.ones(8, bool)
        for name in PRESENT:
            if name in shown:
                assert mask[name][rows].all()
                assert not mask[name][~PRESENT[name]].any()
            else:
                assert not mask[name].any()


def test_metrics_are_those_of_the_rows_of_the_pattern() -> None:
    recorder = Recorder()
    result, _ = evaluate_patterns(recorder, PRESENT, LABELS, seed=5)
    nothing = {name: np.zeros(8, bool) for name in PRESENT}
    rows = {
        "image+text": [0, 1, 2],
        "image": [0, 1, 2, 4, 5],
        "text": [0, 1, 2, 3, 7],
        "none": list(range(8)),
    }
    for pattern, at in rows.items():
        masks = nothing | {name: np.ones(8, bool) for name in pattern.split("+") if name in PRESENT}
        want = classification_metrics(recorder(masks)[at], LABELS[at], seed=5)
        assert result["patterns"][pattern]["metrics"] == want


def test_a_pattern_that_no_row_shows_is_left_out() -> None:
    present = {"image": np.array([True, False]), "text": np.array([False, True])}
    result, _ = evaluate_patterns(Recorder(), present, np.array([0, 1]))
    assert list(result["patterns"]) == ["image", "text", "none"]


def test_the_masks_given_are_not_changed() -> None:
    present = {name: mask.copy() for name, mask in PRESENT.items()}

    def spoils(masks: Mapping[str, Bools]) -> Floats:
        for mask in masks.values():
            if not mask.all():
                mask &= mask
        return np.full((8, 3), 1 / 3)

    evaluate_patterns(spoils, present, LABELS)
    for name in PRESENT:
        np.testing.assert_array_equal(present[name], PRESENT[name])


def test_row_patterns_of_three_modalities() -> None:
    generator = np.random.default_rng(0)
    present = {name: generator.random(50) < 0.5 for name in ("tabular", "text", "image", "smell")}
    order = ["image", "text", "tabular", "smell"]  # canonical, then vectors by name
    want = ["+".join(name for name in order if present[name][row]) or "none" for row in range(50)]
    assert row_patterns(present) == want
    assert row_patterns({}) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_few_rows(rows: int) -> None:
    present = {name: mask[:rows] for name, mask in PRESENT.items()}
    result, _ = evaluate_patterns(Recorder(), present, LABELS[:rows])
    assert result["patterns"]["none"]["n"] == rows
