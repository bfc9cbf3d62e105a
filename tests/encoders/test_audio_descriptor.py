"""The embedded sound encoder: what its numbers say, and what they do not depend on."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from measuring_data import measuring
from motet.data import AudioCells, read_table, sounds
from motet.data.sounds import Sound, decode_sound
from motet.encoders import FeatureCache, audio_descriptor, load_encoder, save_encoder
from motet.encoders.audio_descriptor import BANDS, CEPSTRA, PARTS, AudioDescriptorEncoder, describe, log_mel
from motet.encoders.torch_choose import open_encoder
from motet.preprocessing.mel import hann, power_spectrogram

ENCODER = AudioDescriptorEncoder()
SPECTRAL = (
    PARTS * CEPSTRA + 5 * BANDS + PARTS
)  # where centroid, bandwidth, rolloff, flatness, crossings begin


def tone(hertz: float, seconds: float = 0.5, rate: int = 16_000) -> Sound:
    time = np.arange(round(seconds * rate)) / rate
    return Sound((0.4 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), rate)


def noise(seconds: float = 0.5, seed: int = 0) -> Sound:
    made = np.random.default_rng(seed).normal(size=round(seconds * 16_000)) * 0.1
    return Sound(made.astype(np.float32), 16_000)


def test_the_spectrum_of_a_tone_by_hand() -> None:
    made = describe(tone(2_000))
    assert made.shape == (ENCODER.width,) and made.dtype == np.float32
    centroid, bandwidth, rolloff, flatness, crossings = made[SPECTRAL : SPECTRAL + 5]
    assert centroid == pytest.approx(2_000 / 8_000, abs=0.01)
    assert rolloff == pytest.approx(2_000 / 8_000, abs=0.01)
    assert bandwidth < 0.02 and flatness < 0.01
    assert crossings == pytest.approx(2 * 2_000 / 16_000, abs=0.01)  # two for each period
    white = describe(noise())[SPECTRAL : SPECTRAL + 5]
    assert white[0] == pytest.approx(0.5, abs=0.05) and white[3] > 0.4  # evenly spread, and flat
    assert np.exp(made[-2]) == pytest.approx(0.5, rel=1e-4)


def test_the_loudest_band_of_a_tone_is_that_of_its_pitch() -> None:
    # band k of Slaney's scale: 42 edges evenly from mel 0 to that of 8 kHz (15 + 27 ln 8 / ln 6.4 = 45.2)
    mel = log_mel(power_spectrogram(tone(500).samples, hann(400, True), 160, 257))
    assert mel.max() == 0 and mel.min() >= -13.0001
    assert int(mel.mean(axis=0).argmax()) == round(500 * 3 / 200 / (45.2 / 41)) - 1


def test_loudness_and_silence_around_a_sound_change_little(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = noise()
    made = describe(sound)
    np.testing.assert_allclose(describe(Sound(sound.samples * np.float32(0.1), 16_000)), made, atol=2e-3)
    silent = np.zeros(3_200, np.float32)
    longer = Sound(np.concatenate([silent, sound.samples, silent]), 16_000)
    around = describe(longer)
    assert np.exp(around[-1]) == pytest.approx(0.5, abs=0.05)  # what is heard is as long as before
    kept = slice(0, PARTS * CEPSTRA)
    monkeypatch.setattr(audio_descriptor, "HEARD", np.inf)
    untrimmed = describe(longer)
    assert np.abs(around[kept] - made[kept]).mean() < 0.2 * np.abs(untrimmed[kept] - made[kept]).mean()


def test_the_rate_of_a_file_changes_little() -> None:
    low, high = describe(tone(600, rate=8_000)), describe(tone(600, rate=44_100))
    assert np.abs(low - high).mean() < 0.1


def test_time_is_seen() -> None:
    rising = np.concatenate([tone(300).samples, tone(3_000).samples])
    forwards, backwards = describe(Sound(rising, 16_000)), describe(Sound(rising[::-1].copy(), 16_000))
    parts = slice(0, PARTS * CEPSTRA)
    swapped = backwards[parts].reshape(PARTS, CEPSTRA)[::-1].ravel()
    assert np.abs(forwards[parts] - backwards[parts]).mean() > 1
    assert np.abs(forwards[parts] - swapped).mean() < 0.3
    np.testing.assert_allclose(forwards[SPECTRAL], backwards[SPECTRAL], atol=0.01)


@given(st.integers(1, 3_000), st.sampled_from([1_000, 8_000, 44_100]), st.floats(0, 1e6), st.integers(0, 9))
@settings(deadline=None, max_examples=50)
def test_any_sound_gives_finite_numbers(n: int, rate: int, scale: float, seed: int) -> None:
    samples = (np.random.default_rng(seed).normal(size=n) * scale).astype(np.float32)
    made = describe(Sound(samples, rate))
    assert np.isfinite(made).all() and np.abs(made).max() < 200  # and none that float16 would lose


def test_silence_and_a_constant_are_sounds() -> None:
    for level in (0.0, 0.5):
        assert np.isfinite(describe(Sound(np.full(5_000, level, np.float32), 16_000))).all()


def wav(sound: Sound) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound.samples, sound.rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def test_rows_are_encoded_once_and_broken_ones_are_listed(tmp_path: Path) -> None:
    cells = AudioCells(
        read_table({"s": [wav(tone(300)), None, b"no sound", wav(tone(900)), wav(tone(300))]}), ["s"]
    )
    cache = FeatureCache(tmp_path / "cache")
    table = ENCODER.encode(cells, np.arange(5), cache=cache)
    assert table.present.tolist() == [True, False, False, True, True]
    assert [(issue.row, issue.column) for issue in table.issues] == [(2, "s")]
    assert "not a known kind of sound" in table.issues[0].reason
    got = table.rows.dense(np.arange(5))
    np.testing.assert_allclose(got[3], describe(tone(900)), rtol=2e-3, atol=2e-3)  # float16
    np.testing.assert_array_equal(got[0], got[4])
    assert len(cache.shelf(ENCODER.fingerprint, ENCODER.width)) == 2


def test_two_sounds_of_a_row_are_averaged() -> None:
    one, other = tone(300), tone(900)
    cells = AudioCells(read_table({"a": [wav(one)], "b": [wav(other)]}), ["a", "b"])
    got = ENCODER.encode(cells, np.array([0])).rows.dense(np.array([0]))[0]
    np.testing.assert_allclose(got, (describe(one) + describe(other)) / 2, rtol=2e-3, atol=4e-3)


def test_saved_opened_and_chosen(tmp_path: Path) -> None:
    save_encoder(ENCODER, tmp_path / "saved")
    assert load_encoder(tmp_path / "saved").fingerprint == ENCODER.fingerprint
    for wanted in ("auto", "descriptor", "audio"):
        assert isinstance(open_encoder(wanted, "audio"), AudioDescriptorEncoder)


@pytest.mark.slow
def test_spoken_digits_are_told_apart() -> None:
    place = measuring("data/fsdd_audio")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with (place / "data.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "test"]
    features = np.stack([describe(decode_sound((place / row["audio"]).read_bytes())) for row in rows])
    labels = np.array([row["label"] for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    assert probe.fit(features[train], labels[train]).score(features[~train], labels[~train]) > 0.93


def test_a_part_of_a_long_sound_is_read_and_said_also_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "MAX_SECONDS", 1)
    tone = np.sin(np.arange(24_000) / 5).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", tone, 8_000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", tone[:8_000], 8_000, subtype="FLOAT")
    cells = AudioCells(read_table({"s": ["long.wav", "short.wav"]}, image_root=tmp_path), ["s"])
    encoder, cache = AudioDescriptorEncoder(), FeatureCache(tmp_path / "cache")
    for _ in range(2):
        made = encoder.encode(cells, np.arange(2), cache=cache)
        assert made.present.all()
        np.testing.assert_array_equal(*made.rows.dense(np.arange(2)))
        (issue,) = made.issues
        assert (issue.row, issue.column, issue.broken) == (0, "s", False)
        assert issue.reason == "the sound lasts 3 seconds: at most the first 1 are read"
