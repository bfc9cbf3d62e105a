"""A small picture of a sound, by which copies in another format, at another rate or loudness are found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.data.sounds import Sound

Floats = npt.NDArray[np.float64]
# Mean difference of two prints as a share of their standard deviation. Of spoken digits, a copy at another rate or
# loudness has .00, as OGG .04 (median) to .19 (99 %), as Opus .06 to .16, as MP3 .06 to .30; of 900 the two of one
# speaker and digit that are nearest to each other have .15.
NEAR_SOUND = 0.1
_BANDS, _TIMES = 16, 48
_EDGES = np.geomspace(100, 3600, _BANDS + 1)  # Hz: what files of 8 kHz have too
_WINDOW = 0.032  # seconds, every half of it
_AT_A_TIME = 2**20  # samples of frames
_HEARD = 1e-4  # of the loudest frame's power: silence before and behind is left out
_FLOOR = 50.0  # decibels below the loudest


def sound_print(sound: Sound) -> tuple[int, npt.NDArray[np.uint8]]:
    """Return 64 bits and the log-spectrogram of 48 times and 16 bands ([768] uint8), which loudness does not change.

    The bits are a difference hash as of a picture: of 9 times and 8 bands, each against the time before.
    """
    power = _band_power(sound)
    loudness = power.sum(axis=1)
    heard = np.flatnonzero(loudness > _HEARD * loudness.max())
    if len(heard):
        power = power[heard[0] : heard[-1] + 1]
    coarse = _decibels(_parts(power, 9).reshape(9, _BANDS // 2, 2).sum(axis=2))
    bits = np.packbits(coarse[1:] > coarse[:-1])
    fine = _decibels(_parts(power, _TIMES))
    thumbnail = np.round((fine / _FLOOR + 1) * 255).astype(np.uint8).ravel()
    return int.from_bytes(bits.tobytes(), "big"), thumbnail


def _band_power(sound: Sound) -> Floats:
    """[T, 16]: power in each band of each frame."""
    width = max(64, int(_WINDOW * sound.rate))
    samples = np.pad(sound.samples, (0, max(0, width - len(sound.samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[:: width // 2]
    window = np.hanning(width).astype(np.float32)
    frequency = np.fft.rfftfreq(width, 1 / sound.rate)
    inside = (frequency[:, None] >= _EDGES[:-1]) & (frequency[:, None] < _EDGES[1:])
    nearest = np.abs(frequency[:, None] - (_EDGES[:-1] + _EDGES[1:]) / 2).argmin(axis=0)
    inside[nearest, np.arange(_BANDS)] |= ~inside.any(
        axis=0
    )  # a band narrower than what frames can tell apart
    step = max(1, _AT_A_TIME // width)
    parts = [
        np.abs(np.fft.rfft(frames[begin : begin + step] * window, axis=1)) ** 2 @ inside
        for begin in range(0, len(frames), step)
    ]
    return np.concatenate(parts).astype(np.float64)


def _parts(frames: Floats, count: int) -> Floats:
    """[count, d]: means of equal parts of frames [T, d]; a frame that is cut counts for both by its share."""
    sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, axis=0)])
    edges = np.linspace(0, len(frames), count + 1)
    whole = np.minimum(edges.astype(np.int64), len(frames) - 1)
    at = sums[whole] + (edges - whole)[:, None] * frames[whole]
    means: Floats = np.diff(at, axis=0) * count / len(frames)
    return np.maximum(means, 0)


def _decibels(power: Floats) -> Floats:
    """0 at the loudest, -50 at the least."""
    loudest = max(float(power.max()), 1e-30)
    made: Floats = np.maximum(10 * np.log10(np.maximum(power / loudest, 1e-30)), -_FLOOR)
    return made
