"""A sound becomes log-mel frames, on numpy."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]
MelScale = Literal["slaney", "kaldi"]
_FRAMES = 2048  # transformed at a time


def mel_filters(
    bins: int, bands: int, lowest: float, highest: float, rate: int, scale: MelScale
) -> NDArray[np.float64]:
    """Triangular mel filters [bins, bands] over the `bins` frequencies of a Fourier transform from 0 to rate / 2.

    slaney : linear to 1 kHz and logarithmic above, triangles over hertz, each of unit area (Slaney, "Auditory
        Toolbox", 1998; Whisper and librosa).
    kaldi : 1127 ln(1 + f / 700), triangles over mel, each of height one (Kaldi and torchaudio; AST).
    """
    if scale == "kaldi":
        edges = np.linspace(_kaldi_mel(lowest), _kaldi_mel(highest), bands + 2)
        places = _kaldi_mel(np.arange(bins) * (rate / (2 * (bins - 1))))
        return _triangles(places, edges)
    edges = _slaney_hertz(np.linspace(_slaney_mel(lowest), _slaney_mel(highest), bands + 2))
    triangles = _triangles(np.linspace(0, rate // 2, bins), edges)
    return triangles * (2.0 / (edges[2:] - edges[:-2]))


def power_spectrogram(
    samples: Floats,
    window: NDArray[np.float64],
    hop: int,
    bins: int,
    *,
    preemphasis: float = 0.0,
) -> Floats:
    """Squared magnitudes [frames, bins] of the Fourier transform of 1 + (n - w) // hop windows of `samples` [n].

    window [w], w at most n; each is padded with zeros to 2 * (bins - 1). With `preemphasis` c the mean of each
    frame is taken off first, and then c times the sample before from each sample, as Kaldi does.
    """
    frames = sliding_window_view(samples, len(window))[::hop]
    made = np.empty((len(frames), bins), np.float32)
    for begin in range(0, len(frames), _FRAMES):
        some = frames[begin : begin + _FRAMES].astype(np.float64)
        if preemphasis:
            some -= some.mean(axis=1, keepdims=True)
            some[:, 1:] -= preemphasis * some[:, :-1]
            some[:, 0] *= 1 - preemphasis
        transformed = np.fft.rfft(some * window, 2 * (bins - 1), axis=1)
        made[begin : begin + _FRAMES] = transformed.real**2 + transformed.imag**2
    return made


@lru_cache(maxsize=8)
def hann(length: int, periodic: bool) -> NDArray[np.float64]:
    """The Hann window [length], periodic as for spectra or symmetric as Kaldi's."""
    return np.hanning(length + 1)[:-1] if periodic else np.hanning(length)


def _triangles(places: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    rising = (places[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - places[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


def _kaldi_mel(hertz: NDArray[np.floating] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz) / 700.0))


def _slaney_mel(hertz: float) -> float:
    return 15.0 + 27.0 * np.log(hertz / 1000.0) / np.log(6.4) if hertz >= 1000 else 3.0 * hertz / 200.0


def _slaney_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel >= 15.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0), 200.0 * mel / 3.0)
