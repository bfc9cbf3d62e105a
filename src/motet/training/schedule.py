"""The learning rate over the steps of a training."""

from __future__ import annotations

import math


def warm_then_cosine(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate: rises over the first steps, then falls to a hundredth along a cosine."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2
