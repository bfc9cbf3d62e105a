"""Which bytes are a sound of a format that is read, and whether they break off."""

from __future__ import annotations

import struct

from motet.errors import MediaError

ALLOWED_SOUNDS = "WAV, FLAC, MP3, OGG"
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # written where the end was not known yet


def sound_format(data: bytes) -> str:
    """Return WAV, FLAC, MP3 or OGG, as the content begins; MediaError names what else it is."""
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


def is_sound(data: bytes) -> bool:
    """Tell whether bytes begin as a sound file of an allowed format does."""
    try:
        return bool(sound_format(data))
    except MediaError:
        return False


def refuse_truncated(kind: str, data: bytes) -> None:
    """Raise MediaError for a WAV or OGG file that breaks off: its decoder would take what is there for the whole."""
    if kind == "WAV":
        _check_wav(data)
    elif kind == "OGG":
        _check_ogg(data)


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
