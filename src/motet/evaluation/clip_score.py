"""CLIPScore: how well captions fit their pictures in a space of both, without references and with them.

Source: Hessel et al., 2021 (arXiv 2104.08718), equations of sections 3 and 3.1. The space is whichever is given:
figures of two spaces cannot be compared, and those of papers are of OpenAI's CLIP ViT-B/32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from motet.evaluation.intervals import paired_difference

Floats = npt.NDArray[np.floating]
WEIGHT = 2.5  # w of the paper: cosines of a CLIP lie between 0 and .4, and this spreads them over 0 to 1


def clip_scores(pictures: Floats, captions: Floats) -> Floats:
    """CLIP-S(c, v) = 2.5 max(cos(c, v), 0) of unit vectors [N, W] of pictures and of their captions: [N]."""
    made: Floats = WEIGHT * np.maximum((pictures * captions).sum(axis=1), 0)
    return made


def reference_clip_scores(scores: Floats, captions: Floats, references: Sequence[Floats]) -> Floats:
    """RefCLIP-S [N]: the harmonic mean of CLIP-S [N] and the largest cosine, at least 0, to one of the references.

    references : of each caption the unit vectors [R, W] of what people wrote, at least one.
    """
    nearest = np.array(
        [max(float((theirs @ mine).max()), 0.0) for mine, theirs in zip(captions, references, strict=True)]
    )
    both = scores + nearest
    made: Floats = np.divide(2 * scores * nearest, both, out=np.zeros_like(both), where=both > 0)
    return made


def clip_metrics(scores: Floats, beside: Floats, *, seed: int = 0) -> dict[str, dict[str, float]]:
    """The means of both over N pictures, each {"value", "low", "high"}: percentile bootstrap over pictures."""
    found = {}
    for name, values in (("clip_score", scores), ("ref_clip_score", beside)):
        value, low, high = paired_difference(values, tail=0.025, seed=seed)
        found[name] = {"value": value, "low": low, "high": high}
    return found
