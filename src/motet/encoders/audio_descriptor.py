"""Sounds become numbers without a network: how loud which pitches are, when, and how much they change."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motet.data import AudioCells
from motet.data.sounds import Sound
from motet.encoders.cache import FeatureCache
from motet.encoders.encode_rows import encode_sounds
from motet.encoders.features import FeatureTable
from motet.encoders.kept import pooled_kept
from motet.preprocessing.mel import hann, mel_filters, power_spectrogram
from motet.preprocessing.resampling import resample

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

ALGORITHM = 1  # counts up whenever the same sound would give other numbers
RATE = 16_000
WINDOW, HOP, BINS = 400, 160, 257  # 25 ms every 10 ms
BANDS = 40
CEPSTRA = 20
FLOOR = 13.0  # natural logarithm below the loudest band: 56 dB of power; what is softer is cut off there
PARTS = 8  # of equal length, from the first to the last frame that is heard
HEARD = 5.0  # natural logarithm below the loudest frame from which a frame is heard
ROLLOFF = 0.85  # share of the power below the rolloff frequency


class AudioDescriptorEncoder:
    """The embedded sound encoder `descriptor`: nothing to download or train, numpy only."""

    name = "descriptor"
    modality = "audio"
    licence = "Apache-2.0"
    learns = False

    def __init__(self) -> None:
        self.width: int = PARTS * CEPSTRA + 5 * BANDS + PARTS + 2 * 5 + 2
        self.fingerprint: str = _fingerprint()

    def fit(self, cells: AudioCells, rows: Rows) -> None:
        """Nothing to learn."""

    def encode(self, cells: AudioCells, rows: Rows, *, cache: FeatureCache | None = None) -> FeatureTable:
        """Features of the given rows, in their order."""
        kept = pooled_kept(cache, self)
        return encode_sounds(cells, rows, describe, lambda batches: batches, kept, "sounds")

    def save(self, directory: Path) -> None:
        """Nothing is learned, so nothing is written."""


def describe(sound: Sound) -> Floats:
    """Return [width] float32 of one sound, every number finite; how loud it is as a whole changes nothing.

    In order: cepstra of each of eight parts; mean, deviation, least and greatest of each log-mel band, and the
    deviation of its change from frame to frame; the loudness of each part; mean and deviation of centroid, bandwidth,
    rolloff, flatness and zero crossings; the logarithms of the seconds of all of it and of what is heard.
    """
    samples = resample(sound.samples, sound.rate, RATE)
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    power = power_spectrogram(samples, hann(WINDOW, True), HOP, BINS)
    mel = log_mel(power)
    loudness = _loudness(power)
    first, last = _heard(loudness)
    spectral = _spectral(power, samples)[first:last]
    heard = mel[first:last]
    change = np.diff(heard, axis=0) if len(heard) > 1 else np.zeros_like(heard)
    parts = _parts(heard)
    described = [
        (parts @ _cosines()).ravel(),
        heard.mean(axis=0),
        heard.std(axis=0),
        heard.min(axis=0),
        heard.max(axis=0),
        change.std(axis=0),
        _parts(loudness[first:last, None]).ravel(),
        spectral.mean(axis=0),
        spectral.std(axis=0),
        np.log([len(samples) / RATE, (last - first) * HOP / RATE]),
    ]
    return np.concatenate(described).astype(np.float32)


def log_mel(power: Floats) -> Floats:
    """Log-mel frames [T, 40] of a power spectrogram [T, 257], 0 at the sound's loudest and -13 at the least."""
    mel = power @ _filters()
    loudest = max(float(mel.max()), 1e-10)
    made: Floats = np.log(np.maximum(mel / loudest, np.exp(-FLOOR))).astype(np.float32)
    return made


def _loudness(power: Floats) -> Floats:
    """[T]: natural logarithm of the power of each frame, 0 at the loudest and -13 at the least."""
    frame = power.sum(axis=1)
    made: Floats = np.log(np.maximum(frame / max(float(frame.max()), 1e-10), np.exp(-FLOOR)))
    return made


def _heard(loudness: Floats) -> tuple[int, int]:
    """First frame that is heard, and the one behind the last: what is silent on both sides says nothing."""
    heard = np.flatnonzero(loudness > -HEARD)
    return (int(heard[0]), int(heard[-1]) + 1) if len(heard) else (0, len(loudness))


def _parts(frames: Floats) -> Floats:
    """[PARTS, d]: means of equal parts of frames [T, d], whose ends share a frame where they cut it."""
    edges = np.linspace(0, len(frames), PARTS + 1)
    lows = np.minimum(edges[1:, None], np.arange(1, len(frames) + 1))
    shares = np.maximum(0, lows - np.maximum(edges[:-1, None], np.arange(len(frames))))
    made: Floats = ((shares / shares.sum(axis=1, keepdims=True)) @ frames).astype(np.float32)
    return made


def _spectral(power: Floats, samples: Floats) -> Floats:
    """[T, 5]: centroid, bandwidth and rolloff as shares of the highest frequency, flatness, zero crossings."""
    frequency = np.linspace(0, 1, BINS, dtype=np.float32)
    total = np.maximum(power.sum(axis=1, keepdims=True), 1e-10)
    share = power / total
    centroid = share @ frequency
    bandwidth = np.sqrt(np.maximum(share @ frequency**2 - centroid**2, 0))
    rolloff = (np.cumsum(share, axis=1) < ROLLOFF).mean(axis=1)
    floor = total[:, 0].max() * 1e-6 / BINS
    flatness = np.exp(np.log(power + floor).mean(axis=1)) / (power.mean(axis=1) + floor)
    changes = np.concatenate([[0], np.cumsum(np.diff(np.signbit(samples).astype(np.int8)) != 0)])
    starts = np.arange(len(power)) * HOP
    crossings = (changes[starts + WINDOW - 1] - changes[starts]) / WINDOW
    return np.stack([centroid, bandwidth, rolloff, flatness, crossings], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> Floats:
    return mel_filters(BINS, BANDS, 0.0, RATE / 2, RATE, "slaney").astype(np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """[BANDS, CEPSTRA]: the orthonormal cosine transform of the second kind, whose first is the mean."""
    angle = np.pi / BANDS * (np.arange(BANDS)[:, None] + 0.5) * np.arange(CEPSTRA)
    made = np.cos(angle) * np.sqrt(2 / BANDS)
    made[:, 0] /= np.sqrt(2)
    cosines: Floats = made.astype(np.float32)
    return cosines


def _fingerprint() -> str:
    settings = [ALGORITHM, RATE, WINDOW, HOP, BINS, BANDS, CEPSTRA, FLOOR, PARTS, HEARD, ROLLOFF]
    return hashlib.sha256(json.dumps(["audio descriptor", settings]).encode()).hexdigest()[:32]
