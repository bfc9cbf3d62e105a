"""Which bytes are a sound, and that any bytes give samples or a MediaError and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import AudioCells, audit, infer_schema, read_table, sounds
from motet.data.sounds import decode_sound, unread_part
from motet.errors import MediaError

RATE = 8_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)).astype(np.float32)


def encoded(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", codec: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=codec)
    return file.getvalue()


VALID = {
    "wav": encoded(TONE, codec="PCM_16"),
    "wav of 8 bits": encoded(TONE, codec="PCM_U8"),
    "wav of 24 bits": encoded(TONE, codec="PCM_24"),
    "wav of floats": encoded(TONE, codec="FLOAT"),
    "wav of mu-law": encoded(TONE, codec="ULAW"),
    "wav of adpcm": encoded(TONE, codec="IMA_ADPCM"),
    "flac": encoded(TONE, kind="FLAC"),
    "ogg": encoded(TONE, kind="OGG", codec="VORBIS"),
    "opus": encoded(TONE, kind="OGG", codec="OPUS"),
    "mp3": encoded(TONE, kind="MP3"),
}


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt((samples**2).mean()))


@pytest.mark.parametrize("name", VALID)
def test_every_allowed_format_gives_the_same_tone(name: str) -> None:
    sound = decode_sound(VALID[name])
    assert sound.samples.dtype == np.float32 and sound.samples.ndim == 1
    assert sound.seconds == pytest.approx(0.5, abs=0.15)  # MP3 is padded to whole frames, and by its delay
    middle = sound.samples[len(sound.samples) // 4 : -len(sound.samples) // 4]
    assert loudness(middle) == pytest.approx(0.5 / np.sqrt(2), rel=0.08)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * sound.rate / len(middle) == pytest.approx(440, abs=8)


def test_lossless_formats_keep_every_sample() -> None:
    np.testing.assert_array_equal(decode_sound(VALID["wav of floats"]).samples, TONE)
    stored = decode_sound(VALID["wav"]).samples
    np.testing.assert_array_equal(decode_sound(encoded(stored, kind="FLAC")).samples, stored)


def test_channels_are_averaged() -> None:
    both = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    np.testing.assert_allclose(decode_sound(encoded(both, codec="FLOAT")).samples, TONE / 2, atol=1e-7)


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_sounds_are_refused(name: str, share: float) -> None:
    data = VALID[name]
    if name == "mp3" and share > 0.1:
        # what an MP3 lacks is only told by its header's count of frames, and but for some frames of slack
        data, share = encoded(np.tile(TONE, 8), kind="MP3"), 0.5
    with pytest.raises(MediaError):
        decode_sound(data[: int(len(data) * share)])


def header(frames: int, rate: int = RATE, channels: int = 1, there: bytes = b"\0" * 64) -> bytes:
    """A WAV file of 8-bit samples whose header says what it is told."""
    layout = struct.pack(
        "<HHIIHH", 1, channels, rate, min(rate * channels, 2**32 - 1), min(channels, 65535), 8
    )
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", frames * channels)
    return b"RIFF" + struct.pack("<I", len(body) + len(there)) + body + there


def silence(seconds: int, rate: int = 8_000) -> bytes:
    """Hours of silence are a small FLAC file."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format="FLAC") as out:
        for _ in range(0, seconds, 600):
            out.write(np.zeros(600 * rate, np.int16))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (encoded(np.zeros(0, np.float32)), "no samples"),
        (header(2**31), "truncated"),
        (header(64, rate=2_000_000), "samples a second"),
        (header(64, rate=1), "samples a second"),
        (header(1, channels=2_000, there=bytes(2_000)), "channels|damaged"),
        (VALID["wav"][:36] + b"LIST", "no samples"),
        (b"a text that was called .wav", "not a known kind of sound"),
        (b"RIFF\x04\0\0\0AVI ", "not a known kind of sound"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"\0\0\0\x18ftypM4A ", "M4A"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (b"\x89PNG\r\n\x1a\n", "not a known kind"),
        (encoded(np.array([0, np.nan, 0], np.float32), codec="FLOAT"), "no finite amplitude"),
        (encoded(np.array([0, 3e38, 0], np.float32), codec="FLOAT"), "no finite amplitude"),
        (encoded(TONE, codec="GSM610"), "codec"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,  # some hold the time
)
def test_what_is_no_sound_is_refused_with_its_reason(data: bytes, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        decode_sound(data)


def test_three_hours_are_read_in_part_and_that_is_said() -> None:
    data = silence(3 * 3600)
    tracemalloc.start()
    assert decode_sound(data).samples.shape == (600 * RATE,)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert decode_sound(data, 31.5).samples.shape == (int(31.5 * RATE),)
    held_of_less = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the samples as float32, the blocks that they were joined from, and one block more; not three hours
    assert held < 600 * RATE * 4 * 2 + 2**22 and held_of_less < 31.5 * RATE * 4 * 2 + 2**22
    assert unread_part(data) == "the sound lasts 10,800 seconds: at most the first 600 are read"


@pytest.mark.parametrize("name", VALID)
def test_the_beginning_is_that_of_the_whole(name: str) -> None:
    whole = decode_sound(VALID[name])
    part = decode_sound(VALID[name], 0.2)
    np.testing.assert_array_equal(part.samples, whole.samples[: int(0.2 * whole.rate)])
    assert unread_part(VALID[name]) == ""


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
def test_a_sound_that_breaks_off_behind_what_is_read_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE * 20).astype(np.float32)
    data = encoded(noise, kind=kind)
    assert decode_sound(data, 1).seconds == 1
    with pytest.raises(MediaError, match="truncated"):
        decode_sound(data[: int(len(data) * 0.9)], 1)


def test_a_length_that_the_header_hides_is_refused_while_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(silence(600))
    data[21] &= 0xF0  # STREAMINFO: 36 bits of samples, 0 where it is not known
    data[22:26] = bytes(4)
    monkeypatch.setattr(sounds, "MAX_SECONDS", 30)
    with pytest.raises(MediaError, match="does not say how long"):
        decode_sound(bytes(data))


@pytest.mark.parametrize("rate", [8_000, 96_000])
def test_the_rate_and_the_channels_of_a_file_are_its_own(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    sound = decode_sound(encoded(np.stack([tone, tone / 2], axis=1), rate))
    assert (sound.rate, sound.seconds) == (rate, 1)
    np.testing.assert_allclose(sound.samples, 0.75 * tone, atol=1e-4)  # 16 bits


def test_what_the_decoder_prints_goes_nowhere_and_what_others_print_does_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """libmpg123 prints of a frame that was overwritten; four threads decode at once."""
    data = bytearray(
        encoded(np.random.default_rng(0).normal(0, 0.1, RATE * 8).astype(np.float32), kind="MP3")
    )
    for place in range(2_000, len(data), 500):
        data[place : place + 60] = bytes(60)

    def decode(_: int) -> None:
        with contextlib.suppress(MediaError):
            decode_sound(bytes(data))

    with soundfile.SoundFile(io.BytesIO(bytes(data))) as file, contextlib.suppress(Exception):
        file.read()
    assert "mpg123" in capfd.readouterr().err  # else nothing is shown below
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, range(16)))
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_files_over_the_cap_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "MAX_BYTES", 100)
    with pytest.raises(MediaError, match="larger"):
        decode_sound(VALID["wav"])


def check_any_bytes(data: bytes) -> None:
    try:
        sound = decode_sound(data)
    except MediaError as error:
        assert "0x" not in str(error)
        return
    assert len(sound.samples) and np.isfinite(sound.samples).all() and sound.rate >= 1_000


@given(st.binary(max_size=200), st.sampled_from([b"", *(data[:60] for data in VALID.values())]))
@settings(deadline=None)
def test_random_bytes_are_a_sound_or_a_media_error(data: bytes, start: bytes) -> None:
    check_any_bytes(start + data)


@given(st.sampled_from(list(VALID)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12))
@settings(deadline=None, max_examples=200)
def test_mutated_sounds_are_a_sound_or_a_media_error(name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(VALID[name])
    for where, value in changes:
        data[min(int(where**3 * len(data)), len(data) - 1)] = value  # mostly in the header
    check_any_bytes(bytes(data))


@pytest.mark.slow
@given(st.sampled_from(list(VALID)), st.data())
@settings(deadline=None, max_examples=3000)
def test_cut_and_spliced_sounds_are_a_sound_or_a_media_error(name: str, draw: st.DataObject) -> None:
    data = VALID[name]
    start, end = sorted(draw.draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    check_any_bytes(data[:start] + draw.draw(st.binary(max_size=20)) + data[end:])


# -- columns of sounds


@pytest.fixture
def recordings(tmp_path):
    (tmp_path / "sounds").mkdir()
    lines = ["sound,y"]
    for row in range(12):
        (tmp_path / "sounds" / f"{row}.wav").write_bytes(encoded(TONE * (row + 1) / 12))
        lines.append(f"sounds/{row}.wav,{'ab'[row % 2]}")
    (tmp_path / "sounds" / "cut.wav").write_bytes(VALID["wav"][:500])
    (tmp_path / "words.wav").write_text("not a sound at all")
    lines += [
        "sounds/cut.wav,a",
        "words.wav,b",
        "../outside.wav,a",
        "sounds/none.wav,b",
        ",a",
        "sounds/0.wav,a",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return read_table(tmp_path / "t.csv")


def test_a_column_of_sound_files_is_found_and_audited(recordings) -> None:
    schema = infer_schema(recordings, label="y")
    assert schema.modalities == ("audio",) and "are there" in schema.columns[0].why
    found = audit(recordings, schema)
    column = found.columns[0]
    assert (column["present"], column["absent"], column["broken"]) == (13, 1, 4)
    assert found.patterns == {"audio": 13, "none": 5}
    reasons = {issue.row: issue.reason for issue in found.broken}
    assert sorted(reasons) == [12, 13, 14, 15]
    assert "truncated" in reasons[12] and "not a known kind of sound" in reasons[13]
    assert "leaves the image root" in reasons[14] and "no such file" in reasons[15]
    assert found.duplicates["exact"]["groups"] == 1 and found.duplicates["exact"]["examples"] == [[0, 17]]


def test_sounds_that_are_not_there_are_read_only_when_named(tmp_path) -> None:
    (tmp_path / "t.csv").write_text("s,t\n" + "".join(f"x/{i}.mp3,some words {i}\n" for i in range(20)))
    table = read_table(tmp_path / "t.csv")
    column = infer_schema(table).columns[0]
    assert (column.kind, column.role) == ("audio", "ignored") and "--audio" in column.why
    assert infer_schema(table, audio=["s"]).modalities == ("audio",)


def test_sounds_as_bytes_and_of_datasets() -> None:
    wav = VALID["wav"]
    table = read_table(
        {
            "a": [wav, None],
            "b": [{"bytes": wav, "path": None}, None],
            "c": [{"bytes": None, "path": "x.flac"}, None],
        }
    )
    schema = infer_schema(table)
    assert {c.name: c.kind for c in schema.columns} == {"a": "audio", "b": "audio", "c": "audio"}
    cells = AudioCells(table, ["a", "b"])
    assert cells.present.tolist() == [True, False]
    assert [len(decode_sound(cell.read()).samples) for cell in cells.take(np.array([0]))[0]] == [4000, 4000]
