"""A picture becomes the array that its encoder was trained on, as its preprocessor_config.json says."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motet.errors import EncoderError
from motet.preprocessing.image_config import complete_image_config, read_image_config

# Above this many pixels between resize and crop, only the part that the crop keeps is resized. A picture of
# 1 x 100,000 scaled to a shorter side of 224 would take 15 GB.
_LARGEST_RESIZED = 2**24


@dataclass(frozen=True)
class ImagePreprocessor:
    """Resize, centre crop and normalise pictures as the Hugging Face image processors do.

    ``resize`` is (height, width), or the length of the shorter side, or None; ``crop`` is (height, width) or
    None. A crop larger than the picture pads it with black. ``resample`` is Pillow's number of the filter.
    A value v of 0..255 in channel c becomes ``(v * rescale_factor - mean[c]) / std[c]``.
    Equal to the PIL processors of transformers to one step of a pixel value (tests/preprocessing).
    """

    resize: tuple[int, int] | int | None
    crop: tuple[int, int] | None
    resample: int
    rescale_factor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def from_directory(cls, directory: Path | str) -> ImagePreprocessor:
        """Read an encoder's own preprocessor_config.json; raises ``EncoderError`` as ``from_config`` does."""
        config = read_image_config(Path(directory))
        try:
            return cls.from_config(config)
        except EncoderError as error:
            raise EncoderError(f"{directory}: {error}") from None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ImagePreprocessor:
        """Understand the options of a preprocessor_config.json.

        Raises ``EncoderError`` for a class or an option that is not known and changes pixels, and where
        pictures of different sizes would come out in different sizes.
        """
        full = complete_image_config(config)
        crop = _height_and_width(full["crop_size"]) if full["do_center_crop"] else None
        resize: tuple[int, int] | int | None = None
        if full["do_resize"]:
            resize = full["size"].get("shortest_edge") or _height_and_width(full["size"])
        if "crop_pct" in full and resize is not None:
            resize, crop = _convnext_sizes(resize, crop, full["crop_pct"])
        if crop is None and not isinstance(resize, tuple):
            raise EncoderError(
                "these options give arrays of different sizes; say height and width, or do_center_crop"
            )
        resample = _filter(full["resample"]) if resize is not None else int(Image.Resampling.BILINEAR)
        factor = _number("rescale_factor", full["rescale_factor"]) if full["do_rescale"] else 1.0
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        if full["do_normalize"]:
            mean, std = _channels("image_mean", full["image_mean"]), _channels("image_std", full["image_std"])
            if 0.0 in std:
                raise EncoderError(f"image_std must not be zero: {full['image_std']!r}")
        return cls(resize, crop, resample, factor, mean, std)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels, of every array that comes out."""
        size = self.crop or self.resize
        assert isinstance(size, tuple)
        return size

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """Return one RGB picture as float32 [3, height, width]."""
        values: NDArray[np.float32] = self.batch([image])[0]
        return values

    def batch(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return B RGB pictures of any sizes as float32 [B, 3, height, width]."""
        values = np.empty((len(images), 3, *self.size), np.float32)
        std = np.array(self.std)
        scale = (self.rescale_factor / std).astype(np.float32)[:, None, None]
        shift = (-np.array(self.mean) / std).astype(np.float32)[:, None, None]
        for image, out in zip(images, values, strict=True):
            np.multiply(self.pixels(image).transpose(2, 0, 1), scale, out=out)
            np.add(out, shift, out=out)
        return values

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return one RGB picture resized and cropped, before normalisation, as uint8 [height, width, 3]."""
        if image.mode != "RGB":
            image = image.convert("RGB")
        pixels = np.asarray(self._resized(image))
        return pixels if self.crop is None else _center_crop(pixels, self.crop)

    def to_config(self) -> dict[str, Any]:
        """Return a preprocessor_config.json that says all of this, for this class and for transformers."""
        config: dict[str, Any] = {
            "image_processor_type": "CLIPImageProcessor",
            "do_convert_rgb": True,
            "do_resize": self.resize is not None,
            "resample": self.resample,
            "do_center_crop": self.crop is not None,
            "do_rescale": True,
            "rescale_factor": self.rescale_factor,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }
        if isinstance(self.resize, int):
            config["size"] = {"shortest_edge": self.resize}
        elif self.resize is not None:
            config["size"] = {"height": self.resize[0], "width": self.resize[1]}
        if self.crop is not None:
            config["crop_size"] = {"height": self.crop[0], "width": self.crop[1]}
        return config

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of all that changes what comes out."""
        return hashlib.sha256(json.dumps(self.to_config(), sort_keys=True).encode()).hexdigest()

    def _resized(self, image: Image.Image) -> Image.Image:
        if self.resize is None:
            return image
        height, width = self._resized_size(image)
        if self.crop is None or height * width <= _LARGEST_RESIZED:
            return image.resize((width, height), self.resample)
        return _resize_centre(image, (height, width), self.crop, self.resample)

    def _resized_size(self, image: Image.Image) -> tuple[int, int]:
        if isinstance(self.resize, tuple):
            return self.resize
        assert self.resize is not None
        short, long = sorted(image.size)
        longer = int(self.resize * long / short)
        return (longer, self.resize) if image.width <= image.height else (self.resize, longer)


def _kept(length: int, crop: int) -> tuple[int, int]:
    """Return where a centre crop starts, and how much of the length it keeps."""
    return ((length - crop) // 2, crop) if length > crop else (0, length)


def _resize_centre(
    image: Image.Image, size: tuple[int, int], crop: tuple[int, int], resample: int
) -> Image.Image:
    """Return what a centre crop would keep of the resized picture, without making the rest.

    Along the rows first, then the columns, as Pillow mostly does: values are rounded to 0..255 between the
    two, so the order is seen at hard edges. Given the window alone, Pillow may choose the other order.
    """
    (top, kept_height), (left, kept_width) = _kept(size[0], crop[0]), _kept(size[1], crop[1])
    down, across = image.height / size[0], image.width / size[1]
    margin = math.ceil(4 * max(down, 1))  # the widest filter reaches 3 pixels of the larger scale
    first = max(0, math.floor(top * down) - margin)
    last = min(image.height, math.ceil((top + kept_height) * down) + margin)
    columns = (left * across, 0, min((left + kept_width) * across, image.width), last - first)
    rows = (0, top * down - first, kept_width, min((top + kept_height) * down - first, last - first))
    strip = image.crop((0, first, image.width, last))
    strip = strip.resize((kept_width, strip.height), resample, columns)
    return strip.resize((kept_width, kept_height), resample, rows)


def _center_crop(pixels: NDArray[np.uint8], crop: tuple[int, int]) -> NDArray[np.uint8]:
    """Crop [H, W, 3] round its centre; what is smaller is padded with zeros, the odd one above and left."""
    (top, kept_height), (left, kept_width) = (_kept(*pair) for pair in zip(pixels.shape, crop, strict=False))
    pixels = pixels[top : top + kept_height, left : left + kept_width]
    if pixels.shape[:2] == crop:
        return pixels
    padded = np.zeros((*crop, 3), np.uint8)
    top, left = math.ceil((crop[0] - kept_height) / 2), math.ceil((crop[1] - kept_width) / 2)
    padded[top : top + kept_height, left : left + kept_width] = pixels
    return padded


def _convnext_sizes(
    resize: tuple[int, int] | int, crop: tuple[int, int] | None, crop_pct: Any
) -> tuple[tuple[int, int] | int, tuple[int, int] | None]:
    """Return resize and crop by ConvNeXt's rule: below 384 crop ``crop_pct`` of it, from 384 on warp."""
    if isinstance(resize, tuple) or crop is not None:
        raise EncoderError("ConvNext image processor: size must be shortest_edge, and do_center_crop false")
    if resize >= 384:
        return (resize, resize), None
    share = _number("crop_pct", crop_pct)
    if not 0.01 <= share <= 1:
        raise EncoderError(f"crop_pct must be above 0 and at most 1, not {crop_pct!r}")
    return int(resize / share), (resize, resize)


def _height_and_width(size: Mapping[str, int]) -> tuple[int, int]:
    if "height" not in size:
        raise EncoderError(f"crop_size must be height and width, not {dict(size)!r}")
    return size["height"], size["width"]


def _filter(value: Any) -> int:
    if isinstance(value, bool) or value not in list(Image.Resampling):
        raise EncoderError(f"resample {value!r} is not one of Pillow's filters 0 to 5")
    return int(value)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise EncoderError(f"{key} must be a number, not {value!r}")
    return float(value)


def _channels(key: str, value: Any) -> tuple[float, float, float]:
    values = list(value) if isinstance(value, list | tuple) else [value] * 3
    if len(values) != 3:
        raise EncoderError(f"{key} must be one number or three, for red, green and blue, not {value!r}")
    red, green, blue = (_number(key, one) for one in values)
    return red, green, blue
