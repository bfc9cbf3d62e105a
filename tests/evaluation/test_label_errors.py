"""Likely label errors: found where they were made, and by the definition."""

from __future__ import annotations

import numpy as np
import pytest

from motet.evaluation import label_errors


def noisy(rows: int, wrong: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of a good model, labels of which `wrong` were changed, and which those are."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, rows)
    logits = np.eye(4)[truth] * 4 + random.normal(0, 1, (rows, 4))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, changed = truth.copy(), random.choice(rows, wrong, replace=False)
    labels[changed] = (labels[changed] + random.integers(1, 4, wrong)) % 4
    return p, labels, changed


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_were_changed_are_found_first(seed: int) -> None:
    p, labels, changed = noisy(600, 30, seed)
    found = label_errors(p, labels)
    assert np.isin(found.rows[:15], changed).all()
    assert np.isin(changed, found.rows).mean() > 0.6  # what is less sure than its class's mean stays unsaid
    assert len(found.rows) < 60
    assert (found.suggested != labels[found.rows]).all()


def test_equals_the_definition_row_by_row() -> None:
    p, labels, _ = noisy(120, 20, 5)
    p[7] = np.nan  # nobody answered this row
    known = [i for i in range(120) if i != 7]
    threshold = [np.mean([p[i, k] for i in known if labels[i] == k]) for k in range(4)]
    expected = {}
    for i in known:
        reached = [k for k in range(4) if p[i, k] >= threshold[k]]
        if reached and (best := max(reached, key=lambda k: p[i, k])) != labels[i]:
            expected[i] = best
    found = label_errors(p, labels)
    assert dict(zip(found.rows.tolist(), found.suggested.tolist(), strict=True)) == expected
    margins = [p[i, k] - p[i, labels[i]] for i, k in zip(found.rows, found.suggested, strict=True)]
    assert margins == sorted(margins, reverse=True)


def test_a_class_without_rows_is_suggested_to_nobody() -> None:
    p = np.tile([0.1, 0.9], (5, 1))
    assert len(label_errors(p, np.zeros(5, np.int64)).rows) == 0
    assert len(label_errors(np.zeros((0, 3)), np.zeros(0, np.int64)).rows) == 0
