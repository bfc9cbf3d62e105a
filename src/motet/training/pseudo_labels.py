"""Which guessed classes of rows without a label are sure enough to learn from.

Each class has a threshold of its own, lower where the teacher is rarely sure of it (FlexMatch, Zhang et al. 2021,
arXiv 2110.08263, equations 5 to 7, warmed up, mapped by x / (2 - x)); the modalities of a row are views of one
thing, which teach each other and must not contradict (co-training, Blum & Mitchell 1998). Shapes: n rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
# Of the threshold, for a class that nothing is sure of: the paper has 0, and would take any guess.
LEAST = 0.75
VETO = 0.5  # probability above which a modality's own class must be the class that is believed


def class_thresholds(probabilities: Floats, threshold: float) -> Floats:
    """Thresholds [C], from LEAST of `threshold` to all of it, from probabilities [n, C] of rows without a label.

    sigma_c counts the rows whose answer is c with more than `threshold`; beta_c is sigma_c over the largest, or over
    the rows of which nothing is sure yet where these are more; c needs beta_c / (2 - beta_c) * threshold.
    """
    sure = probabilities.max(axis=1, initial=0) > threshold
    counts = np.bincount(probabilities[sure].argmax(axis=1), minlength=probabilities.shape[1])
    beta = counts / max(counts.max(initial=0), int((~sure).sum()), 1)
    return np.asarray(np.maximum(beta / (2 - beta), LEAST) * threshold)


def accepted(joint: Floats, views: Sequence[Floats], thresholds: Floats) -> npt.NDArray[np.bool_]:
    """Rows [n] whose joint answer [n, C] is above its class's threshold, and that no view says to be of another class.

    views : probabilities [n, C] by one modality each; NaN in a row without it. A row that no view answers is left out.
    A view that is not sure of any class lets the others teach it: where it had to agree, words that no labelled row has
    would never be learned.
    """
    best = joint.argmax(axis=1)
    chosen = joint.max(axis=1) > thresholds[best]
    seen = np.zeros(len(joint), bool)
    for view in views:
        there = np.asarray(~np.isnan(view).any(axis=1))
        said = np.where(there[:, None], view, 0)
        chosen &= (said.argmax(axis=1) == best) | (said.max(axis=1) <= VETO)
        seen |= there
    return np.asarray(chosen & seen)
