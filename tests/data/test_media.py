"""Which paths are read, and that any bytes give an RGB picture or a MediaError and nothing else."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from motet.data import media
from motet.data.media import decode_image, read_media, resolve_media
from motet.data.picture_files import read_picture
from motet.errors import MediaError, UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.jpg").write_bytes(b"inside")
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    (tmp_path / "table-2").mkdir()
    (tmp_path / "table-2" / "b.jpg").write_bytes(b"a neighbour whose name begins alike")
    return folder


# -- paths


@pytest.mark.parametrize(
    "cell", ["images/a.jpg", "./images/a.jpg", "images\\a.jpg", "images//a.jpg", "images/../images/a.jpg"]
)
def test_paths_inside_the_root_are_resolved(root: Path, cell: str) -> None:
    assert resolve_media(root, cell) == (root / "images" / "a.jpg").resolve()


def test_an_absolute_path_inside_the_root_is_resolved(root: Path) -> None:
    assert read_media(resolve_media(root, str(root / "images" / "a.jpg"))) == b"inside"


def test_a_chinese_name_and_a_link_that_stays_inside(root: Path) -> None:
    (root / "图片").symlink_to(root / "images")
    assert resolve_media(root, "图片/a.jpg") == (root / "images" / "a.jpg").resolve()


@pytest.mark.parametrize(
    "cell",
    [
        "http://example.org/a.jpg",
        "HTTPS://example.org/a.jpg",
        " https://example.org/a.jpg",
        "ftp://example.org/a.jpg",
        "s3://bucket/a.jpg",
        "data:image/png;base64,AAAA",
        "file:images/a.jpg",
        "file:///etc/passwd",
        "//host/share/a.jpg",
        "\\\\host\\share\\a.jpg",
    ],
)
def test_web_addresses_are_refused_with_and_without_a_root(root: Path, cell: str) -> None:
    for given_root in (root, None):
        with pytest.raises(MediaError, match="not fetched"):
            resolve_media(given_root, cell)


@pytest.mark.parametrize(
    "cell",
    [
        "../secret.jpg",
        "images/../../secret.jpg",
        "..\\secret.jpg",
        "images\\..\\..\\secret.jpg",
        "images/..\\../secret.jpg",
        "../table-2/b.jpg",
        "/etc/passwd",
        "\\etc\\passwd",
        "C:\\secret.jpg",
        "C:/secret.jpg",
        "../no-such-file.jpg",
    ],
)
def test_paths_that_leave_the_root_are_refused(root: Path, cell: str) -> None:
    with pytest.raises(MediaError, match="leaves the image root"):
        resolve_media(root, cell)


def test_links_that_leave_the_root_are_refused(root: Path) -> None:
    (root / "link.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "folder").symlink_to(root.parent)
    (root / "again").symlink_to("folder")
    for cell in ("link.jpg", "folder/secret.jpg", "again/secret.jpg"):
        with pytest.raises(MediaError, match="leaves the image root"):
            resolve_media(root, cell)


def test_what_is_not_a_regular_file_is_refused(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for cell in ("pipe", "images", "."):
        with pytest.raises(MediaError, match="not a regular file"):
            resolve_media(root, cell)
    with pytest.raises(MediaError, match="not a regular file"):
        read_media(root / "pipe")  # and does not wait for a writer


@pytest.mark.parametrize(
    "cell", ["images/none.jpg", "images/a.jpg/x", "%2e%2e/secret.jpg", "~/a.jpg", "bytes:"]
)
def test_missing_files(root: Path, cell: str) -> None:
    with pytest.raises(MediaError, match="no such file"):
        resolve_media(root, cell)


def test_names_that_are_no_paths(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    for cell in ("", "  ", "a\0b", "x" * 300, "x" * 10_000_000, "\ud800.jpg", "loop"):
        with pytest.raises(MediaError) as caught:
            resolve_media(root, cell)
        assert len(str(caught.value)) < 300


def test_no_root_says_which_option_gives_one() -> None:
    with pytest.raises(MediaError, match="--image-root"):
        resolve_media(None, "images/a.jpg")


@given(st.text())
def test_any_text_is_a_file_inside_or_a_media_error(
    tmp_path_factory: pytest.TempPathFactory, cell: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        path = resolve_media(folder, cell)
    except MediaError:
        return
    assert path.is_file() and path.is_relative_to(folder.resolve())


def test_files_over_the_cap_are_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 5)
    with pytest.raises(MediaError, match="larger"):
        read_media(root / "images" / "a.jpg")
    monkeypatch.setattr(media, "MAX_BYTES", 6)
    assert read_media(root / "images" / "a.jpg") == b"inside"


# -- pictures


def drawn(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Left half red, right half blue, a white disc: enough to see rotation, inversion and channel order."""
    image = Image.new("RGB", size, (200, 30, 20))
    draw = ImageDraw.Draw(image)
    draw.rectangle((size[0] // 2, 0, size[0], size[1]), fill=(20, 40, 210))
    draw.ellipse((2, 2, 12, 12), fill="white")
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def difference(image: Image.Image, expected: Image.Image) -> float:
    assert image.mode == "RGB" and image.size == expected.size
    return float(np.abs(np.asarray(image, float) - np.asarray(expected, float)).mean())


VALID = {
    "jpeg": encoded(drawn(), "JPEG", quality=95, subsampling=0),
    "jpeg progressive": encoded(drawn(), "JPEG", quality=95, subsampling=0, progressive=True),
    "jpeg cmyk": encoded(drawn("CMYK"), "JPEG", quality=95, subsampling=0),
    "png": encoded(drawn(), "PNG"),
    "png palette": encoded(drawn().quantize(16), "PNG"),
    "png rgba": encoded(drawn("RGBA"), "PNG"),
    "webp": encoded(drawn(), "WEBP", quality=100),
    "webp lossless": encoded(drawn("RGBA"), "WEBP", lossless=True),
    "gif": encoded(drawn(), "GIF"),
    "gif of two": encoded(drawn(), "GIF", save_all=True, append_images=[Image.new("RGB", (48, 32))]),
    "webp of two": encoded(
        drawn(), "WEBP", save_all=True, quality=100, append_images=[Image.new("RGB", (48, 32))]
    ),
    "bmp": encoded(drawn(), "BMP"),
    "bmp palette": encoded(drawn().quantize(16), "BMP"),
}


@pytest.mark.parametrize("name", VALID)
def test_every_allowed_format_gives_the_same_picture(name: str) -> None:
    assert difference(decode_image(VALID[name]), drawn()) < 6


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_pictures_become_three_equal_channels(mode: str) -> None:
    grey = drawn("L")
    if mode == "I;16":
        source = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        source = grey.convert(mode)
    expected = source.convert("L") if mode == "1" else grey
    assert difference(decode_image(encoded(source, "PNG")), expected.convert("RGB")) == 0


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand, for what Pillow does not write: 16-bit colour, sizes that are not there."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in body
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_sixteen_bit_colour_keeps_its_high_bytes() -> None:
    row = b"\0" + struct.pack(">6H", 0x10FF, 0x8000, 0xFF00, 0, 0xFFFF, 0x00FF)
    assert np.asarray(decode_image(png(2, 1, 16, 2, row))).tolist() == [[[16, 128, 255], [0, 255, 0]]]


def test_sixteen_bit_grey_with_alpha_is_laid_on_white() -> None:
    row = b"\0" + struct.pack(">4H", 0x4000, 0xFFFF, 0x4000, 0)
    assert np.asarray(decode_image(png(2, 1, 16, 4, row)))[0, :, 0].tolist() == [64, 255]


def test_the_transparent_value_of_sixteen_bit_grey_is_white() -> None:
    row = b"\0" + struct.pack(">2H", 0x4000, 0x4001)
    image = decode_image(png(2, 1, 16, 0, row, (b"tRNS", struct.pack(">H", 0x4000))))
    assert np.asarray(image)[0, :, 0].tolist() == [255, 64]


def test_the_transparent_colour_of_sixteen_bit_colour_does_no_harm() -> None:
    row = b"\0" + struct.pack(">6H", 0x4000, 0x4000, 0x4000, 0x1000, 0x2000, 0x3000)
    image = decode_image(png(2, 1, 16, 2, row, (b"tRNS", struct.pack(">3H", 0x4000, 0x4000, 0x4000))))
    assert np.asarray(image)[0, 1].tolist() == [16, 32, 48]


def test_transparency_is_laid_on_white() -> None:
    # Half of black on white is 127 or 128; none of it is 255.
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert np.asarray(decode_image(encoded(half, "PNG"))).max() in (127, 128)
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    for kind in ("PNG", "WEBP"):
        assert np.asarray(decode_image(encoded(clear, kind))).min() == 255
    palette = drawn().quantize(16)
    corner = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        image = decode_image(encoded(palette, kind, transparency=corner))
        assert image.getpixel((0, 0)) == (255, 255, 255)
        assert image.getpixel((40, 20)) == (20, 40, 210)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_rotation_is_applied(orientation: int, kind: str) -> None:
    # What a camera stores is the upright picture put through the inverse of what the tag asks for.
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = drawn() if stored is None else drawn().transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"subsampling": 0} if kind == "JPEG" else {}
    upright = decode_image(encoded(image, kind, exif=exif, quality=95, **options))
    assert difference(upright, drawn()) < 6
    assert difference(decode_image(encoded(upright, "PNG")), upright) == 0  # and the tag is not handed on


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"])
def test_damaged_metadata_does_not_cost_the_picture(exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert difference(decode_image(encoded(drawn(), "JPEG", quality=95, exif=exif)), drawn()) < 8


def test_a_colour_profile_does_no_harm() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(decode_image(encoded(drawn(), "PNG", icc_profile=profile)), drawn()) == 0


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
def test_truncated_pictures_are_refused(name: str, share: float) -> None:
    data = VALID[name]
    if name in ("gif of two", "webp of two"):
        share /= 2  # the first frame may be whole in a file whose second is cut
    with pytest.raises(MediaError):
        decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded(drawn(), "TIFF"), "TIFF"),
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"8BPS\0\1" + bytes(20), "PSD"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\xef\xbb\xbf <svg/>", "SVG"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (encoded(drawn(), "EPS"), "EPS"),
        (encoded(drawn(), "PDF"), "PDF"),
        (encoded(drawn(), "ICO"), "ICO"),
        (b"<!DOCTYPE html><html>404</html>", "HTML"),
        (encoded(drawn(), "PPM"), "not a known kind"),
        (b"just words", "not a known kind"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(MediaError, match=name) as caught:
        decode_image(data)
    assert "JPEG, PNG, WebP, GIF, BMP" in str(caught.value)


def test_no_bytes() -> None:
    with pytest.raises(MediaError, match="empty"):
        decode_image(b"")


def bombs() -> dict[str, bytes]:
    jpeg = bytearray(VALID["jpeg"])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65000)
    gif = bytearray(VALID["gif"])
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    grown = bytearray(VALID["gif"])
    place = grown.index(b"," + struct.pack("<HHHH", 0, 0, 48, 32))
    grown[place + 5 : place + 9] = struct.pack("<HH", 11000, 11000)
    bmp = bytearray(VALID["bmp"])
    bmp[18:26] = struct.pack("<ii", 60000, -60000)
    webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\xff\xff\0" * 2
    return {
        "png of gigapixels": png(50_000, 50_000, 1, 0, bytes(50_000 * 6251)),
        "png just above": png(10_001, 10_000, 1, 0, b""),
        "jpeg": bytes(jpeg),
        "gif": bytes(gif),
        "gif that grows": bytes(grown),
        "bmp": bytes(bmp),
        "webp": webp,
        "webp lossless": b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + bytes(8),
        "webp lossy": b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(8),
    }


@pytest.mark.parametrize(("name", "data"), bombs().items())
def test_bombs_are_refused_from_their_header_without_a_warning(name: str, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaError, match="pixels"):
            decode_image(data)


def test_the_largest_allowed_picture_gives_no_warning() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = decode_image(png(10_000, 9_500, 1, 0, bytes(9_500 * 1251)))  # above Pillow's own warning
    assert image.size == (10_000, 9_500)
    assert limit == Image.MAX_IMAGE_PIXELS


def check_any_bytes(data: bytes) -> None:
    try:
        image = decode_image(data)
    except MediaError as error:
        assert "0x" not in str(error)
        return
    assert image.mode == "RGB"
    assert np.asarray(image).shape == (image.height, image.width, 3)


@given(st.binary(max_size=200), st.sampled_from([b"", *(data[:40] for data in VALID.values())]))
@settings(deadline=None)
def test_random_bytes_are_a_picture_or_a_media_error(data: bytes, start: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_any_bytes(start + data)


@given(st.sampled_from(list(VALID)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12))
@settings(deadline=None, max_examples=300)
def test_mutated_pictures_are_a_picture_or_a_media_error(name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(VALID[name])
    for where, value in changes:
        data[min(int(where * len(data)), len(data) - 1)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_any_bytes(bytes(data))


@pytest.mark.slow
@given(st.sampled_from(list(VALID)), st.data())
@settings(deadline=None, max_examples=5000)
def test_cut_and_spliced_pictures_are_a_picture_or_a_media_error(name: str, draw: st.DataObject) -> None:
    data = VALID[name]
    start, end = sorted(draw.draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_any_bytes(data[:start] + draw.draw(st.binary(max_size=20)) + data[end:])


def test_a_picture_that_a_caller_names_is_read_or_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"as it is")
    assert read_picture(tmp_path / "a.png") == read_picture(str(tmp_path / "a.png")) == b"as it is"
    assert read_picture(b"given") == b"given"
    with pytest.raises(UsageError, match=r"picture .*gone\.png: no such file"):
        read_picture(tmp_path / "gone.png")
