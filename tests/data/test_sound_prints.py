"""Copies of a sound in another format, at another rate or loudness have nearly its print, other sounds have not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motet.data import audit, infer_schema, read_table
from motet.data.duplicates import NEAR_BITS
from motet.data.sound_prints import NEAR_SOUND, sound_print
from motet.data.sounds import Sound, decode_sound

RATE = 8_000


def melody(seed: int, rate: int = RATE) -> NDArray[np.float32]:
    """Twelve notes of a tenth of a second, with one overtone each, and a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(rate // 10) / rate
    notes = [
        random.uniform(0.1, 0.4) * np.sin(2 * np.pi * pitch * k * time) / k
        for pitch in random.uniform(150, 1500, 12)
        for k in (1, 2)
    ]
    played = np.concatenate([notes[i] + notes[i + 1] for i in range(0, 24, 2)])
    return (played + random.normal(0, 0.002, len(played))).astype(np.float32)


def coded(samples: NDArray[np.float32], kind: str, codec: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=codec)
    return file.getvalue()


COPIES: dict[str, Callable[[NDArray[np.float32]], Sound]] = {
    "flac": lambda x: decode_sound(coded(x, "FLAC")),
    "ogg": lambda x: decode_sound(coded(x, "OGG", "VORBIS")),
    "quieter": lambda x: Sound(x * np.float32(0.2), RATE),
    "twice the rate": lambda x: Sound(np.repeat(x, 2), RATE * 2),
}


def near(one: Sound, other: Sound) -> bool:
    """By the definition, of one pair."""
    (bits, mine), (others, its) = sound_print(one), sound_print(other)
    share = np.abs(mine.astype(float) - its).mean() / min(mine.std(), its.std())
    return (bits ^ others).bit_count() <= NEAR_BITS and bool(share <= NEAR_SOUND)


@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_near(copy: str) -> None:
    found = sum(near(Sound(melody(seed), RATE), COPIES[copy](melody(seed))) for seed in range(10))
    assert found >= 8


def test_other_sounds_are_not() -> None:
    sounds = [Sound(melody(seed), RATE) for seed in range(30)]
    assert not any(near(sounds[i], sounds[j]) for i in range(30) for j in range(i))


def test_the_parts_of_a_print_by_hand() -> None:
    """A low tone, then a high one, each half of the time: one band each is loudest, 0 dB; the rest is far below."""
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * time) for hertz in (840, 3000))
    _, drawn = sound_print(Sound(np.concatenate([low, high]).astype(np.float32), RATE))
    picture = drawn.reshape(48, 16)
    edges = np.geomspace(100, 3600, 17)
    for part, hertz in ((picture[:23], 840), (picture[25:], 3000)):
        assert set(part.argmax(axis=1)) == {int(np.searchsorted(edges, hertz)) - 1}
        assert part.max() >= 250


@given(
    st.integers(1, 3_000),
    st.sampled_from([1_000, 8_000, 44_100, 384_000]),
    st.floats(0, 1e6, width=32),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=40)
def test_any_sound_has_a_print(n: int, rate: int, scale: float, seed: int) -> None:
    samples = (np.random.default_rng(seed).normal(0, 1, n) * scale).astype(np.float32)
    bits, drawn = sound_print(Sound(samples, rate))
    assert 0 <= bits < 2**64 and drawn.shape == (768,)


def test_inspect_tells_copies_in_other_files(tmp_path: Path) -> None:
    for seed in range(12):
        (tmp_path / f"{seed}.wav").write_bytes(coded(melody(seed), "WAV"))
    (tmp_path / "12.flac").write_bytes(coded(melody(0), "FLAC"))
    (tmp_path / "13.ogg").write_bytes(coded(melody(1) * 0.5, "OGG", "VORBIS"))
    (tmp_path / "14.wav").write_bytes(coded(melody(2), "WAV"))
    names = [f"{n}.wav" for n in range(12)] + ["12.flac", "13.ogg", "14.wav"]
    sides = ["train"] * 12 + ["test"] * 3
    table = read_table({"s": names, "y": ["a", "b", "c"] * 5, "split": sides}, image_root=tmp_path)
    found = audit(table, infer_schema(table, label="y", audio=["s"], split="split"))
    one = found.duplicates["near_audio"]
    assert one["examples"] == [[0, 12], [1, 13]] and (one["groups"], one["across_splits"]) == (2, 2)
    assert found.duplicates["exact"]["examples"] == [[2, 14]]
    said = [warning["message"] for warning in found.warnings]
    assert any("2 groups of rows with nearly the same sound across train" in message for message in said)
