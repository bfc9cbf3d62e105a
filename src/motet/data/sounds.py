"""Which bytes are a sound, and how they become samples: one channel, float32, at the file's own rate."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data.media import MAX_BYTES
from motet.errors import MediaError

MAX_SECONDS = 600
"""Longest sound that is decoded; told from the header, and again while decoding, since a header may lie."""

MAX_FRAMES = 30_000_000
"""Most samples of one channel that are decoded: 600 seconds at 50 kHz, 156 at 192 kHz."""

ALLOWED_SOUNDS = "WAV, FLAC, MP3, OGG"

_RATES = (1_000, 384_000)  # samples a second
_MAX_CHANNELS = 64
_LOUDEST = (
    1e6  # of float samples, whose full scale is 1; a file of 16-bit numbers written as floats is below it
)
_BLOCK = 1 << 18  # samples of all channels decoded at a time
_CODECS = {
    "WAV": {
        "PCM_U8",
        "PCM_S8",
        "PCM_16",
        "PCM_24",
        "PCM_32",
        "FLOAT",
        "DOUBLE",
        "ULAW",
        "ALAW",
        "IMA_ADPCM",
        "MS_ADPCM",
    },
    "FLAC": {"PCM_S8", "PCM_16", "PCM_24"},
    "MP3": {"MPEG_LAYER_III"},
    "OGG": {"VORBIS", "OPUS"},
}
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # written where the end was not known yet


@dataclass(frozen=True)
class Sound:
    """samples [n] float32 of one channel (several are averaged), n at least 1; rate in samples a second."""

    samples: npt.NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate


def decode_sound(data: bytes) -> Sound:
    """Return a sound file's bytes as samples.

    The format is told from the content: WAV, FLAC, MP3 or OGG (Vorbis, Opus). Raises ``MediaError``, and nothing
    else, for any other bytes: another format, a damaged or truncated file, no sample, more than ``MAX_BYTES``,
    ``MAX_SECONDS`` or ``MAX_FRAMES``.
    """
    if not data:
        raise MediaError("the sound is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise MediaError(f"the sound is larger than {MAX_BYTES // 2**20} MiB")
    kind = _format(data)
    if kind == "WAV":
        _check_wav(data)
    elif kind == "OGG":
        _check_ogg(data)
    import soundfile

    # A decoder's own words may hold addresses or paths, so none of them are handed on.
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(kind, file)
            samples = _mono(file)
            rate = int(file.samplerate)
    except MediaError:
        raise
    except MemoryError:
        raise MediaError("the sound needs more memory than there is") from None
    except Exception:
        raise MediaError("the sound is damaged or truncated and cannot be decoded") from None
    if not np.isfinite(samples).all() or np.abs(samples).max() > _LOUDEST:
        raise MediaError("the sound holds samples that are no finite amplitude: it is damaged")
    return Sound(samples, rate)


def is_sound(data: bytes) -> bool:
    """Tell whether bytes begin as a sound file of an allowed format does."""
    try:
        return bool(_format(data))
    except MediaError:
        return False


def _check_header(kind: str, file: Any) -> None:
    codecs = _CODECS[kind]
    if file.format not in (kind, f"{kind}EX") or file.subtype not in codecs:
        raise MediaError(f"the sound is {kind} with the codec {file.subtype}, which is not read")
    if not _RATES[0] <= file.samplerate <= _RATES[1]:
        raise MediaError(
            f"the sound has {file.samplerate:,} samples a second; from {_RATES[0]:,} to {_RATES[1]:,} are read"
        )
    if not 1 <= file.channels <= _MAX_CHANNELS:
        raise MediaError(f"the sound has {file.channels} channels; at most {_MAX_CHANNELS} are read")
    # where the length is not known, a header says a number near 2^63
    if 0 < file.frames < 2**62:
        _check_length(file.frames, file.samplerate)


def _check_length(frames: int, rate: int) -> None:
    if frames > MAX_SECONDS * rate:
        raise MediaError(f"the sound lasts {frames / rate:,.0f} seconds, at most {MAX_SECONDS} are read")
    if frames > MAX_FRAMES:
        raise MediaError(f"the sound has {frames:,} samples, at most {MAX_FRAMES:,} are read")


def _mono(file: Any) -> npt.NDArray[np.float32]:
    """Decode block by block, so that neither a lying header nor many channels take memory."""
    blocks: list[npt.NDArray[np.float32]] = []
    frames = 0
    step = max(1, _BLOCK // file.channels)
    while True:
        block = file.read(step, dtype="float32", always_2d=True)
        if not len(block):
            break
        frames += len(block)
        _check_length(frames, file.samplerate)
        blocks.append(block[:, 0].copy() if file.channels == 1 else block.mean(axis=1, dtype=np.float32))
    if frames == 0:
        raise MediaError("the sound has no samples")
    # MP3 has a frame or two more or fewer than its header says, according to who wrote it.
    missing = file.frames - frames if file.frames < 2**62 else 0
    if missing > (4 * 1152 if file.format == "MP3" else 0):
        raise MediaError(f"the sound is truncated: it has {frames:,} of {file.frames:,} samples")
    return np.concatenate(blocks)


def _format(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return "WAV"
    if data.startswith(b"fLaC"):
        return "FLAC"
    if data.startswith(b"OggS"):
        return "OGG"
    if data.startswith(b"ID3") or _is_mp3_frame(data):
        return "MP3"
    name = _refused_sound(data)
    what = f"{name} is not read" if name else "the bytes are not a known kind of sound"
    raise MediaError(f"{what}; use one of {ALLOWED_SOUNDS}")


def _is_mp3_frame(data: bytes) -> bool:
    """Synchronisation, MPEG 1, 2 or 2.5, layer III, and a bit rate and sampling rate that exist."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    return version != 1 and layer == 1 and data[2] >> 4 != 15 and data[2] >> 2 & 3 != 3


def _refused_sound(data: bytes) -> str | None:
    if data.startswith((b"RF64", b"riff", b"RIFX")):
        return "a WAV file of another form (RF64, W64 or RIFX)"
    if data.startswith(b"FORM") and data[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if data.startswith(b".snd"):
        return "AU"
    if data.startswith(b"caff"):
        return "CAF"
    if data[4:8] == b"ftyp":
        return "M4A or MP4"
    if data.startswith(b"\xff") and data[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9"):
        return "AAC"
    if data.startswith(b"MThd"):
        return "MIDI"
    if data.startswith(b"#!AMR"):
        return "AMR"
    if data.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
        return "WMA"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "WebM or Matroska"
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "HTML (a web page, not a sound)"
    return None


def _check_wav(data: bytes) -> None:
    """Refuse a WAV file that breaks off: its decoder would take what is there for the whole."""
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[place : place + 8])
        if name == b"data":
            there = len(data) - place - 8
            if size not in _UNKNOWN_SIZES and size > there:
                raise MediaError(f"the sound is truncated: it has {there:,} of {size:,} bytes of samples")
            if there == 0:
                raise MediaError("the sound has no samples")
            return
        place += 8 + size + size % 2
    raise MediaError("the sound is damaged or truncated: it has no samples")


def _check_ogg(data: bytes) -> None:
    """Refuse an OGG file without its last page, or with half of one (RFC 3533: bit 3 of a page's flags)."""
    last = data.rfind(b"OggS")
    head = data[last : last + 27]
    if len(head) == 27:
        table = data[last + 27 : last + 27 + head[26]]
        whole = len(table) == head[26] and last + 27 + len(table) + sum(table) <= len(data)
        if whole and head[5] & 4:
            return
    raise MediaError("the sound is truncated: its last page is missing")
