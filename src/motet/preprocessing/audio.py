"""A sound becomes the array that its encoder was trained on, as its preprocessor_config.json says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motet.data.sounds import Sound
from motet.errors import EncoderError
from motet.preprocessing.configs import read_config
from motet.preprocessing.mel import hann, mel_filters, power_spectrogram
from motet.preprocessing.resampling import resample

Floats = NDArray[np.float32]
Form = Literal["waveform", "ast", "whisper"]
WAVEFORM_SECONDS = 30.0  # read of a sound by models that read samples: their cost grows with its square
SHORTEST_SECONDS = 0.1  # a shorter sound is followed by silence, so that it fills the models' first windows

_FORMS: dict[str, Form] = {"Wav2Vec2": "waveform", "AST": "ast", "Whisper": "whisper"}
# What each class of transformers takes where its file says nothing.
_DEFAULTS: dict[Form, dict[str, Any]] = {
    "waveform": {"sampling_rate": 16_000, "do_normalize": True, "feature_size": 1},
    "ast": {
        "sampling_rate": 16_000,
        "do_normalize": True,
        "feature_size": 1,
        "num_mel_bins": 128,
        "max_length": 1024,
        "mean": -4.2677393,
        "std": 4.5689974,
    },
    "whisper": {
        "sampling_rate": 16_000,
        "do_normalize": False,
        "feature_size": 80,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
        "dither": 0.0,
    },
}
# Said in the files, and changing no number: each sound is read by itself, so that nothing is masked.
_NEUTRAL = {
    "feature_extractor_type",
    "processor_class",
    "padding_side",
    "padding_value",
    "return_attention_mask",
    "n_samples",
    "nb_max_frames",
    "mel_filters",
    "transformers_version",
}
_MODEL_TYPES: dict[str, Form] = {
    "wav2vec2": "waveform",
    "hubert": "waveform",
    "wavlm": "waveform",
    "unispeech": "waveform",
    "unispeech-sat": "waveform",
    "data2vec-audio": "waveform",
    "sew": "waveform",
    "sew-d": "waveform",
    "audio-spectrogram-transformer": "ast",
    "whisper": "whisper",
}


@dataclass(frozen=True)
class AudioPreprocessor:
    """Resample, cut, frame and normalise sounds as the Hugging Face feature extractors do.

    form      "waveform": samples [n], n that of the sound, at most `seconds`; "ast": log-mel frames
              [frames, bands], always `frames`; "whisper": log-mel frames [bands, frames], always `frames`.
    normalise of a waveform: mean 0 and variance 1; of AST: by `mean` and twice `std`.
    """

    form: Form
    rate: int
    normalise: bool
    seconds: float
    bands: int = 0
    frames: int = 0
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def from_directory(cls, directory: Path | str, seconds: float = WAVEFORM_SECONDS) -> AudioPreprocessor:
        """Read an encoder's own preprocessor_config.json; raises ``EncoderError`` as ``from_config`` does.

        ``seconds`` is how much of a sound a model of samples reads; log-mel frames have their own length.
        """
        directory = Path(directory)
        config = read_config(directory / "preprocessor_config.json")
        if config is None:
            nested = (read_config(directory / "processor_config.json") or {}).get("feature_extractor")
            config = nested if isinstance(nested, dict) else None
        if config is None:
            raise EncoderError(
                f"{directory} has no preprocessor_config.json, so how it wants sounds is unknown; "
                "write it with AutoFeatureExtractor.from_pretrained(NAME).save_pretrained(FOLDER)"
            )
        if "feature_extractor_type" not in config:
            model_type = str((read_config(directory / "config.json") or {}).get("model_type"))
            names = {form: name for name, form in _FORMS.items()}
            if model_type in _MODEL_TYPES:
                name = f"{names[_MODEL_TYPES[model_type]]}FeatureExtractor"
                config = config | {"feature_extractor_type": name}
        try:
            made = cls.from_config(config)
        except EncoderError as error:
            raise EncoderError(f"{directory}: {error}") from None
        return replace(made, seconds=seconds) if made.form == "waveform" else made

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> AudioPreprocessor:
        """Understand the options of a preprocessor_config.json.

        Raises ``EncoderError`` for a class, an option or a value that is not known: read otherwise than it was
        trained, an encoder would quietly lose accuracy.
        """
        said = config.get("feature_extractor_type")
        form = _FORMS.get(str(said).removesuffix("FeatureExtractor"))
        if form is None:
            known = ", ".join(f"{name}FeatureExtractor" for name in _FORMS)
            raise EncoderError(
                f"feature_extractor_type {said!r} is not known; sounds are prepared as {known} do"
            )
        full = dict(_DEFAULTS[form])
        unknown = [
            key
            for key, value in config.items()
            if key not in full and key not in _NEUTRAL and value is not None
        ]
        if unknown:
            raise EncoderError(
                f"{said}: options that are not known and may change numbers: {', '.join(unknown)}"
            )
        full |= {key: value for key, value in config.items() if key in full and value is not None}
        rate = _whole("sampling_rate", full["sampling_rate"], 1_000, 384_000)
        normalise = bool(full["do_normalize"])
        if form == "waveform":
            if full["feature_size"] != 1:
                raise EncoderError(f"{said}: feature_size is {full['feature_size']!r}, and only 1 is read")
            return cls(form, rate, normalise, WAVEFORM_SECONDS)
        if form == "ast":
            bands = _whole("num_mel_bins", full["num_mel_bins"], 1, 512)
            frames = _whole("max_length", full["max_length"], 1, 8192)
            seconds = (_AST_WINDOW + (frames - 1) * _AST_HOP) / rate
            mean, std = _number("mean", full["mean"]), _number("std", full["std"])
            if std == 0:
                raise EncoderError("std must not be zero")
            return cls(form, rate, normalise, seconds, bands, frames, mean, std)
        if (full["hop_length"], full["n_fft"], rate) != (160, 400, 16_000) or full["dither"] or normalise:
            raise EncoderError(
                f"{said}: only hop_length 160, n_fft 400 and sampling_rate 16000, without dither and do_normalize, "
                "are read"
            )
        chunk = _whole("chunk_length", full["chunk_length"], 1, 600)
        bands = _whole("feature_size", full["feature_size"], 1, 512)
        return cls(form, rate, False, float(chunk), bands, chunk * 100)

    @property
    def seconds_read(self) -> float:
        """How much of a sound is looked at: with some to spare for the filter that resamples it."""
        return self.seconds + 1

    def __call__(self, sound: Sound) -> Floats:
        """Return one sound as float32: [n], [frames, bands] or [bands, frames]."""
        kept = int(self.seconds_read * sound.rate)
        samples = resample(sound.samples[:kept], sound.rate, self.rate)[: round(self.seconds * self.rate)]
        if self.form == "waveform":
            shortest = round(SHORTEST_SECONDS * self.rate)
            samples = np.pad(samples, (0, max(0, shortest - len(samples))))
            return zero_mean_unit_variance(samples) if self.normalise else samples
        if self.form == "ast":
            return self._ast(samples)
        return whisper_frames(samples, self.bands, self.frames)

    def _ast(self, samples: Floats) -> Floats:
        made = ast_frames(samples, self.rate, self.bands)[: self.frames]
        made = np.pad(made, ((0, self.frames - len(made)), (0, 0)))
        if not self.normalise:
            return made
        return ((made - np.float32(self.mean)) / np.float32(2 * self.std)).astype(np.float32)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of all that changes what comes out."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


_AST_WINDOW, _AST_HOP, _AST_BINS = 400, 160, 257


def zero_mean_unit_variance(samples: Floats) -> Floats:
    """Return samples [n] less their mean, over their standard deviation (of silence: unchanged but for rounding)."""
    wide = samples.astype(np.float64)
    scaled: Floats = ((wide - wide.mean()) / np.sqrt(wide.var() + 1e-7)).astype(np.float32)
    return scaled


def ast_frames(samples: Floats, rate: int, bands: int) -> Floats:
    """Kaldi's log-mel filter bank [frames, bands] of samples [n]; a sound shorter than one window is padded.

    Equal to `ASTFeatureExtractor` without torchaudio within 1e-4 (tests/preprocessing).
    """
    samples = np.pad(samples, (0, max(0, _AST_WINDOW - len(samples))))
    power = power_spectrogram(samples, hann(_AST_WINDOW, False), _AST_HOP, _AST_BINS, preemphasis=0.97)
    mel = power @ _filters(_AST_BINS, bands, 20.0, float(rate // 2), rate, "kaldi")
    logarithm: Floats = np.log(np.maximum(mel, np.float32(1.192092955078125e-07))).astype(np.float32)
    return logarithm


def whisper_frames(samples: Floats, bands: int, frames: int) -> Floats:
    """Whisper's log-mel frames [bands, frames] of samples [n] of 16 kHz, silence behind them.

    Equal to `WhisperFeatureExtractor` within 1e-4 (Radford et al., 2022, section 2.2; tests/preprocessing).
    """
    whole = np.pad(samples[: frames * 160], (0, max(0, frames * 160 - len(samples))))
    padded = np.pad(whole, 200, mode="reflect")
    power = power_spectrogram(padded, hann(400, True), 160, 201)[:-1]
    mel = np.log10(np.maximum(power @ _filters(201, bands, 0.0, 8000.0, 16_000, "slaney"), np.float32(1e-10)))
    mel = np.maximum(mel, mel.max() - np.float32(8))
    return np.ascontiguousarray(((mel + 4) / 4).T, np.float32)


@lru_cache(maxsize=8)
def _filters(
    bins: int, bands: int, lowest: float, highest: float, rate: int, scale: Literal["slaney", "kaldi"]
) -> Floats:
    return mel_filters(bins, bands, lowest, highest, rate, scale).astype(np.float32)


def _whole(key: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise EncoderError(f"{key} must be a whole number from {least} to {most}, not {value!r}")
    return value


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise EncoderError(f"{key} must be a number, not {value!r}")
    return float(value)
