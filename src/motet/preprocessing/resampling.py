"""A sound at one sampling rate becomes the same sound at another."""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_HALF_LENGTH = 10  # zero crossings of the sinc on either side
_BETA = 5.0  # of the Kaiser window
_BLOCK = 1 << 22  # numbers of the windows that are gathered at a time


def resample(samples: NDArray[np.float32], rate: int, target: int) -> NDArray[np.float32]:
    """Return samples [n] of `rate` as ceil(n * target / rate) samples of `target` a second, float32.

    A sinc low-pass of 10 zero crossings under a Kaiser window (beta 5), evaluated only at the outputs: what
    `scipy.signal.resample_poly` does by default (Crochiere and Rabiner, "Multirate Digital Signal Processing", 1983),
    equal to it within 1e-5 of full scale (tests/preprocessing). Outside the sound is silence.
    """
    if rate == target or len(samples) == 0:
        return samples.astype(np.float32, copy=False)
    common = gcd(rate, target)
    up, down = target // common, rate // common
    phases, reach = _phases(up, down)
    taps = phases.shape[1]
    padded = np.pad(samples.astype(np.float32, copy=False), (taps, taps + reach))
    windows = sliding_window_view(padded, taps)
    made = np.empty(-(-len(samples) * up // down), np.float32)
    step = max(1, _BLOCK // taps)
    for begin in range(0, len(made), step):
        # output m lies at m * down on the grid of `up` places for each input
        place = np.arange(begin, min(begin + step, len(made)), dtype=np.int64) * down + reach * up
        first = place // up - reach + taps - taps // 2
        made[begin : begin + step] = np.einsum("nt,nt->n", windows[first], phases[place % up])
    return made


@lru_cache(maxsize=4)
def _phases(up: int, down: int) -> tuple[NDArray[np.float32], int]:
    """[up, taps]: the filter's values at the inputs around an output that lies p / up behind an input."""
    widest = max(up, down)
    half = _HALF_LENGTH * widest
    reach = -(-half // up)  # inputs on either side
    taps = 2 * reach + 2
    scale = _total(half, widest)
    table = np.empty((up, taps), np.float32)
    inputs = np.arange(taps) - taps // 2
    for phase in range(up):
        table[phase] = _low_pass((phase - inputs * up).astype(np.float64), half, widest) * (up / scale)
    return table, reach


def _low_pass(at: NDArray[np.float64], half: int, widest: int) -> NDArray[np.float64]:
    """The windowed sinc at places of the fine grid, zero beyond `half`, not yet scaled."""
    inside = np.abs(at) <= half
    window = np.i0(_BETA * np.sqrt(np.maximum(0, 1 - (at / half) ** 2)))
    return np.where(inside, np.sinc(at / widest) * window, 0.0)


def _total(half: int, widest: int) -> float:
    """The sum of the whole filter, so that a constant stays what it is."""
    return float(_low_pass(np.arange(-half, half + 1, dtype=np.float64), half, widest).sum())
