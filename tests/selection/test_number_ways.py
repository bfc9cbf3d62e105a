"""Numbers: sums of heads with weights that rows teach, and the choice between them."""

from __future__ import annotations

import numpy as np
import pytest

from motet.model import HeadEntry
from motet.runtime.number_target import NumberTarget
from motet.selection import select
from motet.selection.number_ways import PULL, stacked_sum


@pytest.mark.parametrize("seed", range(4))
def test_stacked_weights_equal_scipy(seed: int) -> None:
    from scipy.optimize import nnls

    random = np.random.default_rng(seed)
    each = random.normal(size=(4, 50))
    wanted = each.T @ random.normal(size=4) + random.normal(size=50)
    # The pull is 4 more rows: sqrt(n PULL) w = sqrt(n PULL) / K.
    rows = np.vstack([each.T, np.sqrt(50 * PULL) * np.eye(4)])
    want, _ = nnls(rows, np.concatenate([wanted, np.full(4, np.sqrt(50 * PULL) / 4)]))
    np.testing.assert_allclose(stacked_sum(each, wanted), want, atol=1e-5)
    assert (want == 0).any() or seed != 0


def chosen(a_alone: bool):
    """A number that is a + b, or a alone; one modality's head knows a, the other's b, both a little noisily."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 400))
    y = a if a_alone else a + b
    target = NumberTarget(10.0, 2.0)
    known = {"image:x": a + random.normal(size=400) * 0.3, "text:y": b + random.normal(size=400) * 0.3}
    if a_alone:
        known["image:x"] /= 1.09  # what is known of a: nothing is to be gained by a weight
    heads = {name: HeadEntry("", (name,), "unimodal") for name in known}
    return select(
        heads,
        {"image:x": "image", "text:y": "text"},
        ("image", "text"),
        lambda head, shown, rows: known[head][rows][:, None],
        {"image": np.ones(400, bool), "text": np.ones(400, bool)},
        y * 2 + 10,
        np.array([10.0]),
        target=target,
    )


def test_two_modalities_that_know_parts_of_a_number_are_summed() -> None:
    """The best weights of a + noise and b + noise for a + b are 1 / 1.09 each."""
    entry = chosen(False).patterns["image+text"]
    assert entry.chosen == "late-stacked" and entry.rule == "sum"
    assert [member.weight for member in entry.members] == pytest.approx([1 / 1.09] * 2, abs=0.05)
    assert "relative squared error" in entry.why


def test_a_modality_that_knows_nothing_is_not_asked() -> None:
    selection = chosen(True)
    assert [member.head for member in selection.patterns["image+text"].members] == ["image:x"]
    candidates = {c.name: c for c in selection.candidates["image+text"]}
    assert candidates["image:x"].score == pytest.approx(1 - 0.09 / 1.09, abs=0.03)
    assert selection.patterns["none"].chosen == "prior"
