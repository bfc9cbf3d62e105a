"""Resampling and log-mel frames are those of scipy and of transformers, number for number within a tolerance."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import resample_poly
from transformers import ASTFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from motet.data.sounds import Sound
from motet.errors import EncoderError
from motet.preprocessing import AudioPreprocessor
from motet.preprocessing.mel import hann, mel_filters, power_spectrogram
from motet.preprocessing.resampling import resample


def noise(n: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=n) * np.hanning(n) * 0.3
    return made.astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "target"),
    [
        (8_000, 16_000),
        (48_000, 16_000),
        (44_100, 16_000),
        (22_050, 16_000),
        (16_000, 44_100),
        (11_025, 8_000),
        (7, 3),
        (3, 7),
    ],
)
@pytest.mark.parametrize("n", [1, 50, 4_001])
def test_resampling_equals_scipy(rate: int, target: int, n: int) -> None:
    samples = noise(n, rate)
    common = np.gcd(rate, target)
    expected = resample_poly(samples.astype(np.float64), target // common, rate // common)
    got = resample(samples, rate, target)
    assert got.dtype == np.float32 and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_resampling_keeps_a_tone_and_drops_what_does_not_fit() -> None:
    time = np.arange(48_000) / 48_000
    low, high = np.sin(2 * np.pi * 1_000 * time), np.sin(2 * np.pi * 12_000 * time)
    got = resample((low + high).astype(np.float32), 48_000, 16_000)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(got[200:-200], expected[200:-200], atol=5e-3)


def test_a_rate_that_shares_nothing_with_the_other() -> None:
    got = resample(noise(3_000), 44_101, 16_000)
    expected = resample_poly(noise(3_000).astype(np.float64), 16_000, 44_101)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(("bins", "bands", "rate"), [(201, 80, 16_000), (257, 40, 16_000), (257, 128, 8_000)])
def test_mel_filters_are_those_of_transformers(bins: int, bands: int, rate: int) -> None:
    slaney = mel_filter_bank(bins, bands, 0.0, rate / 2, rate, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_filters(bins, bands, 0.0, rate / 2, rate, "slaney"), slaney, atol=1e-9)
    kaldi = mel_filter_bank(
        bins, bands, 20.0, rate / 2, rate, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    np.testing.assert_allclose(mel_filters(bins, bands, 20.0, rate / 2, rate, "kaldi"), kaldi, atol=1e-9)


@pytest.mark.parametrize("preemphasis", [0.0, 0.97])
def test_spectrogram_is_that_of_transformers(preemphasis: float) -> None:
    samples = noise(5_000) + np.float32(0.1)
    expected = spectrogram(
        samples,
        window_function(400, "hann", periodic=False),
        400,
        160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=preemphasis or None,
        remove_dc_offset=bool(preemphasis),
    ).T
    got = power_spectrogram(samples, hann(400, False), 160, 257, preemphasis=preemphasis)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n", [400, 8_123, 30_000])
@pytest.mark.parametrize("options", [{}, {"num_mel_bins": 16, "max_length": 24, "do_normalize": False}])
def test_ast_frames_are_those_of_transformers(n: int, options: dict) -> None:
    theirs = ASTFeatureExtractor(**options)
    ours = AudioPreprocessor.from_config(json.loads(theirs.to_json_string()))
    expected = theirs(noise(n), sampling_rate=16_000, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(ours(Sound(noise(n), 16_000)), expected, atol=1e-4)


@pytest.mark.parametrize("n", [100, 20_001, 40_000])
def test_whisper_frames_are_those_of_transformers(n: int) -> None:
    theirs = WhisperFeatureExtractor(chunk_length=2)
    ours = AudioPreprocessor.from_config(json.loads(theirs.to_json_string()))
    expected = theirs(noise(n), sampling_rate=16_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(ours(Sound(noise(n), 16_000)), expected, atol=1e-4)


@pytest.mark.parametrize("normalise", [True, False])
def test_waveforms_are_those_of_transformers(normalise: bool) -> None:
    theirs = Wav2Vec2FeatureExtractor(do_normalize=normalise)
    ours = AudioPreprocessor.from_config(json.loads(theirs.to_json_string()))
    expected = theirs(noise(8_000), sampling_rate=16_000, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(ours(Sound(noise(8_000), 16_000)), expected, atol=1e-5)


def test_waveforms_are_cut_and_the_shortest_is_followed_by_silence() -> None:
    ours = AudioPreprocessor.from_config({"feature_extractor_type": "Wav2Vec2FeatureExtractor"})
    assert ours(Sound(noise(1), 8_000)).shape == (1_600,)
    assert ours(Sound(noise(8_000 * 40), 8_000)).shape == (16_000 * 30,)
    assert np.isfinite(ours(Sound(np.zeros(10, np.float32), 8_000))).all()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "None is not known"),
        ({"feature_extractor_type": "ClapFeatureExtractor"}, "not known; sounds are prepared as"),
        ({"feature_extractor_type": "ASTFeatureExtractor", "odd": 1}, "options that are not known.*odd"),
        ({"feature_extractor_type": "ASTFeatureExtractor", "std": 0}, "zero"),
        ({"feature_extractor_type": "ASTFeatureExtractor", "max_length": 10**9}, "max_length"),
        ({"feature_extractor_type": "WhisperFeatureExtractor", "n_fft": 512}, "n_fft 400"),
        ({"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": "a"}, "sampling_rate"),
        ({"feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 80}, "feature_size"),
    ],
)
def test_other_options_are_refused(config: dict, words: str, tmp_path) -> None:
    with pytest.raises(EncoderError, match=words):
        AudioPreprocessor.from_config(config)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=str(tmp_path)):
        AudioPreprocessor.from_directory(tmp_path)


def test_an_old_file_goes_by_its_model(tmp_path) -> None:
    with pytest.raises(EncoderError, match=r"no preprocessor_config\.json"):
        AudioPreprocessor.from_directory(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    (tmp_path / "config.json").write_text('{"model_type": "hubert"}')
    ours = AudioPreprocessor.from_directory(tmp_path)
    assert (ours.form, ours.rate) == ("waveform", 8_000)
    assert len(ours.fingerprint) == 64


@pytest.mark.parametrize("rate", [8_000, 96_000])
def test_what_lies_behind_the_part_that_is_looked_at_changes_nothing(rate: int) -> None:
    preprocessor = AudioPreprocessor.from_config({"feature_extractor_type": "Wav2Vec2FeatureExtractor"})
    preprocessor = replace(preprocessor, seconds=0.5)
    samples = np.random.default_rng(0).normal(0, 0.1, rate * 3).astype(np.float32)
    part = samples[: int(preprocessor.seconds_read * rate)]
    made = preprocessor(Sound(part, rate))
    np.testing.assert_array_equal(made, preprocessor(Sound(samples, rate)))
    whole = resample(samples, rate, 16_000)[:8_000]
    np.testing.assert_allclose(made, (whole - whole.mean()) / np.sqrt(whole.var() + 1e-7), atol=1e-4)
