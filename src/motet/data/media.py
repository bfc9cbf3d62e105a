"""Safe reading of media: which file a cell may name, how large it may be, and which bytes are a picture."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from motet.errors import MediaError

MAX_BYTES = 64 * 2**20
"""Largest media file that is read, in bytes."""

MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, width times height; told from the header before any pixel is unpacked."""

ALLOWED = "JPEG, PNG, WebP, GIF, BMP"

_LONGEST_PATH = 4096
_WAY_OUT = "give --image-root (in Python image_root=) and relative paths"
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://|(?:https?|ftps?|file|data|blob|javascript):|//|\\\\", re.IGNORECASE
)
_DRIVE = re.compile(r"[a-z]:[\\/]", re.IGNORECASE)

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resolve_media(root: Path | None, cell: str) -> Path:
    """Return the regular file that a cell names, resolved, and surely inside ``root``.

    A backslash is read as a separator, since tables are also written on Windows. Links are followed first
    and the containment is checked on what they lead to. Raises ``MediaError`` for web addresses, for anything
    that leaves ``root``, for what is not a regular file, and for every path when ``root`` is None.
    """
    shown = _shown(cell)
    if _ADDRESS.match(cell.lstrip()):
        raise MediaError(f"web addresses are not fetched: {shown}; download the file and give its path")
    if root is None:
        raise MediaError(
            f"it is not said where paths start: {shown}; give --image-root (in Python image_root=)"
        )
    if not cell.strip():
        raise MediaError("the path is empty")
    if len(cell) > _LONGEST_PATH:
        raise MediaError(f"{len(cell):,} characters are not a path: {shown}")
    if "\0" in cell:
        raise MediaError(f"the path holds a NUL character: {shown}")
    if os.name != "nt" and _DRIVE.match(cell):
        raise MediaError(f"the path leaves the image root: {shown}; {_WAY_OUT}")
    try:
        inside = Path(os.path.realpath(root))
        path = Path(os.path.realpath(inside / cell.replace("\\", "/")))
        contained = path.is_relative_to(inside)
        mode = path.stat().st_mode if contained else 0
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(f"no such file: {shown}") from None
    except (OSError, ValueError):
        raise MediaError(f"the path cannot be opened: {shown}") from None
    if not contained:
        raise MediaError(f"the path leaves the image root: {shown}; {_WAY_OUT}")
    if not stat.S_ISREG(mode):
        raise MediaError(f"not a regular file: {shown}")
    return path


def read_media(path: Path) -> bytes:
    """Return the bytes of a regular file of at most ``MAX_BYTES``; raises ``MediaError`` otherwise."""
    # Without O_NONBLOCK, opening a pipe that was put there after the check would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - Path.open takes no flags
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise MediaError(f"not a regular file: {_shown(path.name)}")
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise MediaError(f"no such file: {_shown(path.name)}") from None
    except (OSError, ValueError):
        raise MediaError(f"the file cannot be read: {_shown(path.name)}") from None
    if len(data) > MAX_BYTES:
        raise MediaError(f"the file is larger than {MAX_BYTES // 2**20} MiB: {_shown(path.name)}")
    return data


def decode_image(data: bytes) -> Image.Image:
    """Return a picture's bytes as an upright 8-bit RGB image, transparency laid on white.

    The format is told from the content: JPEG, PNG, WebP, GIF (its first frame) or BMP. Raises ``MediaError``,
    and nothing else, for any other bytes: another format, a damaged or truncated file, more than
    ``MAX_BYTES`` or ``MAX_PIXELS``.
    """
    if not data:
        raise MediaError("the picture is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise MediaError(f"the picture is larger than {MAX_BYTES // 2**20} MiB")
    # A decoder's own words may hold addresses or paths, so none of them are handed on.
    try:
        with _reader(data)(io.BytesIO(data)) as image:
            _check_size(*image.size)
            image.load()
            upright = _UPRIGHT.get(_orientation(image))
            rgb = _to_rgb(image)
        return rgb if upright is None else rgb.transpose(upright)
    except MediaError:
        raise
    except MemoryError:
        raise MediaError("the picture needs more memory than there is") from None
    except Exception:
        raise MediaError("the picture is damaged or truncated and cannot be decoded") from None


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 80 else cell[:77] + "...")


def _reader(data: bytes) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the decoder for the bytes; ``Image.open`` would warn of size before the size can be asked."""
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImagePlugin.PngImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        _check_gif_size(data)
        return GifImagePlugin.GifImageFile
    if data.startswith(b"BM"):
        return BmpImagePlugin.BmpImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        _check_webp_size(data)
        return WebPImagePlugin.WebPImageFile
    name = _refused_format(data)
    what = f"{name} is not read" if name else "the bytes are not a known kind of picture"
    raise MediaError(f"{what}; use one of {ALLOWED}")


def _refused_format(data: bytes) -> str | None:
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data.startswith(b"8BPS"):
        return "PSD"
    if data.startswith(b"%PDF"):
        return "PDF"
    if data.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "EPS"
    if data[4:8] == b"ftyp":
        return "AVIF" if data[8:12] in (b"avif", b"avis") else "HEIC"
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "JPEG 2000"
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "JPEG XL"
    if data.startswith((b"\0\0\1\0", b"\0\0\2\0")):
        return "ICO"
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "HTML (a web page, not a picture)"
    if start.startswith(b"<") and b"<svg" in start:
        return "SVG"
    return None


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise MediaError("the picture has no pixels")
    if width * height > MAX_PIXELS:
        raise MediaError(f"the picture has {width} x {height} pixels, more than the {MAX_PIXELS:,} allowed")


def _check_webp_size(data: bytes) -> None:
    """Refuse a huge WebP picture before its decoder is made, which takes memory for the whole canvas."""
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        _check_size(int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1)
    elif kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        _check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[6:10])
        _check_size(width & 0x3FFF, height & 0x3FFF)


def _check_gif_size(data: bytes) -> None:
    """Refuse a huge GIF by its screen and first frame, since the decoder grows one to hold the other."""
    width, height, flags = struct.unpack("<HHB", data[6:11])
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while place < len(data) and data[place] not in b",;":
        if data[place] != ord("!"):
            place += 1
            continue
        place += 2
        while data[place]:
            place += data[place] + 1
        place += 1
    if data[place : place + 1] == b",":
        left, top, frame_width, frame_height = struct.unpack("<HHHH", data[place + 1 : place + 9])
        width, height = max(width, left + frame_width), max(height, top + frame_height)
    _check_size(width, height)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Damaged metadata is no reason to refuse a picture whose pixels are whole.
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        rgb = _from_16_bit(image)
    elif image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        rgb = Image.alpha_composite(white, rgba).convert("RGB")
    else:
        rgb = image.convert("RGB")
    rgb.info.clear()
    return rgb


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Keep the high byte of each value, as Pillow does for 16-bit colour; its ``convert`` may clip at 255."""
    values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    grey = (values >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")
