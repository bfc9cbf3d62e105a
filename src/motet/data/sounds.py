"""How the bytes of a sound become samples: one channel, float32, at the file's own rate, no more than are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data.decoder_messages import decoder_messages_dropped
from motet.data.media import MAX_BYTES
from motet.data.sound_formats import refuse_truncated, sound_format
from motet.errors import MediaError

MAX_SECONDS = 600
"""Most of a sound that is read, from its beginning; told from the header, and again while decoding."""

MAX_FRAMES = 30_000_000
"""Most samples of one channel that are decoded: 600 seconds at 50 kHz, 156 at 192 kHz."""

_RATES = (1_000, 384_000)  # samples a second
_MAX_CHANNELS = 64
_LOUDEST = (
    1e6  # of float samples, whose full scale is 1; a file of 16-bit numbers written as floats is below it
)
_BLOCK = 1 << 18  # samples of all channels decoded at a time
_MP3_SLACK = 4 * 1152  # MP3 has a frame or two more or fewer than its header says, according to who wrote it
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


@dataclass(frozen=True)
class Sound:
    """samples [n] float32 of one channel (several are averaged), n at least 1; rate in samples a second."""

    samples: npt.NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate


def decode_sound(data: bytes, seconds: float = MAX_SECONDS) -> Sound:
    """Return the beginning of a sound file's bytes as samples: at most `seconds`, ``MAX_SECONDS`` and ``MAX_FRAMES``.

    The format is told from the content: WAV, FLAC, MP3 or OGG (Vorbis, Opus). Raises ``MediaError``, and nothing
    else, for any other bytes: another format, a damaged or truncated file (also where the part that is read is
    whole), no sample, more than ``MAX_BYTES``, or more samples than are read in a file that does not say how many.
    """
    with _opened(data) as file:
        samples = _mono(file, _frames_read(file, seconds))
        rate = int(file.samplerate)
    if not np.isfinite(samples).all() or np.abs(samples).max() > _LOUDEST:
        raise MediaError("the sound holds samples that are no finite amplitude: it is damaged")
    return Sound(samples, rate)


def unread_part(data: bytes) -> str:
    """Say that a sound is longer than what is read of any; empty where it is not, or is no sound."""
    try:
        with _opened(data) as file:
            read = _frames_read(file, MAX_SECONDS)
            if not _length_is_known(file) or file.frames <= read:
                return ""
            return (
                f"the sound lasts {file.frames / file.samplerate:,.0f} seconds: at most the first "
                f"{read / file.samplerate:,.0f} are read"
            )
    except MediaError:
        return ""  # decoding says what is wrong


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """A file to decode, whose header was checked; every error inside becomes a MediaError."""
    if not data:
        raise MediaError("the sound is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise MediaError(f"the sound is larger than {MAX_BYTES // 2**20} MiB")
    kind = sound_format(data)
    refuse_truncated(kind, data)
    import soundfile

    # A decoder's own words may hold addresses or paths, so none of them are handed on.
    try:
        dropped = decoder_messages_dropped if kind == "MP3" else nullcontext()
        with dropped, soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(kind, file)
            yield file
    except MediaError:
        raise
    except MemoryError:
        raise MediaError("the sound needs more memory than there is") from None
    except Exception:
        raise MediaError("the sound is damaged or truncated and cannot be decoded") from None


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


def _frames_read(file: Any, seconds: float) -> int:
    return max(1, min(int(min(seconds, MAX_SECONDS) * file.samplerate), MAX_FRAMES))


def _length_is_known(file: Any) -> bool:
    """Where it is not, a header says 0 or a number near 2^63."""
    return 0 < int(file.frames) < 2**62


def _mono(file: Any, most: int) -> npt.NDArray[np.float32]:
    """Decode block by block, so that neither a lying header nor many channels take memory."""
    blocks: list[npt.NDArray[np.float32]] = []
    frames = 0
    step = max(1, _BLOCK // file.channels)
    while frames < most:
        block = file.read(min(step, most - frames), dtype="float32", always_2d=True)
        if not len(block):
            break
        frames += len(block)
        blocks.append(block[:, 0].copy() if file.channels == 1 else block.mean(axis=1, dtype=np.float32))
    if frames == 0:
        raise MediaError("the sound has no samples")
    _check_end(file, frames, most)
    return np.concatenate(blocks)


def _check_end(file: Any, frames: int, most: int) -> None:
    """Refuse a file that has fewer samples than it says; of one that was read in part, the last is looked for."""
    slack = _MP3_SLACK if file.format == "MP3" else 0
    if not _length_is_known(file):
        if most == _frames_read(file, MAX_SECONDS) and frames == most and len(file.read(1)):
            raise MediaError(
                f"the sound lasts more than {most / file.samplerate:,.0f} seconds and does not say how long"
            )
    elif frames < most and file.frames - frames > slack:
        raise MediaError(f"the sound is truncated: it has {frames:,} of {file.frames:,} samples")
    elif frames == most and file.frames - slack > most:
        file.seek(file.frames - slack - 1)
        if not len(file.read(1)):
            raise MediaError(f"the sound is truncated: it has fewer than {file.frames:,} samples")
