"""Pictures come out as the PIL processors of transformers make them, for every class that is known."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from measuring_data import measuring
from motet.data.media import decode_image
from motet.errors import EncoderError
from motet.preprocessing import ImagePreprocessor
from motet.preprocessing.images import _center_crop, _resize_centre

SIZES = [
    (1, 1),
    (1, 37),
    (53, 2),
    (224, 224),
    (256, 256),
    (225, 223),
    (101, 333),
    (640, 427),
    (90, 700),
    (13, 17),
]


def scene(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with what pictures have: a smooth light, hard edges, fine texture and noise."""
    random = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light = np.stack([180 * across + 40, 200 * (1 - down), 255 * across * down], axis=-1)
    noisy = np.clip(light + random.normal(0, 12, light.shape), 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.1, height * 0.2, width * 0.5, height * 0.8), fill=(230, 20, 60))
    for x in range(0, width, 7):
        draw.line((x, 0, width - x, height), fill=(0, 0, 0) if x % 2 else (255, 255, 255))
    return image


CASES: dict[str, dict[str, Any]] = {
    "vit": {"image_processor_type": "ViTImageProcessor"},
    "vit 192, bicubic": {"image_processor_type": "ViTImageProcessorFast", "size": 192, "resample": 3},
    "vit, height and width": {"image_processor_type": "ViTFeatureExtractor", "size": [160, 224]},
    "vit, raw values": {
        "image_processor_type": "ViTImageProcessor",
        "do_rescale": False,
        "do_normalize": False,
    },
    "vit, not normalised": {"image_processor_type": "ViTImageProcessor", "do_normalize": False},
    "vit, one mean": {"image_processor_type": "ViTImageProcessor", "image_mean": 0.4, "image_std": 0.2},
    "clip": {"image_processor_type": "CLIPImageProcessor"},
    "clip, crop larger": {"image_processor_type": "CLIPImageProcessor", "size": 100, "crop_size": 151},
    "clip, not resized": {"image_processor_type": "CLIPImageProcessor", "do_resize": False, "crop_size": 97},
    "clip, nearest": {"image_processor_type": "CLIPImageProcessor", "resample": 0},
    "clip, lanczos": {"image_processor_type": "CLIPImageProcessor", "resample": 1},
    "siglip": {"image_processor_type": "SiglipImageProcessor"},
    "convnext 384": {"image_processor_type": "ConvNextImageProcessor"},
    "convnext 224": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.875},
    "convnext 288": {
        "image_processor_type": "ConvNextImageProcessor",
        "size": {"shortest_edge": 288},
        "crop_pct": 0.95,
    },
    "mobilenet_v1": {"image_processor_type": "MobileNetV1ImageProcessor"},
    "mobilenet_v2": {"image_processor_type": "MobileNetV2ImageProcessor", "do_reduce_labels": False},
    "mobilenet_v2 null": {
        "image_processor_type": "MobileNetV2ImageProcessor",
        "do_normalize": None,
        "crop_size": {"height": 192, "width": 224},
    },
    "deit": {"image_processor_type": "DeiTImageProcessor"},
    "bit": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}},
    "blip": {"image_processor_type": "BlipImageProcessor"},
    "chinese_clip": {"image_processor_type": "ChineseCLIPImageProcessor"},
}

MODULES = {"ConvNext": "convnext", "MobileNetV1": "mobilenet_v1", "MobileNetV2": "mobilenet_v2"}
MODULES |= {"ChineseCLIP": "chinese_clip"}


def reference(config: dict[str, Any]) -> Any:
    named = config.get("image_processor_type") or config["feature_extractor_type"]
    name = named.removesuffix("Fast").removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    module = MODULES.get(name, name.lower())
    path = f"transformers.models.{module}.image_processing_pil_{module}"
    pil = getattr(importlib.import_module(path), f"{name}ImageProcessorPil")
    return pil(**{key: value for key, value in config.items() if not key.endswith("_type")})


def check_equal(config: dict[str, Any], image: Image.Image, theirs: Any = None) -> None:
    """One step of a pixel value is rescale_factor / std; where pixels are equal the rest is rounding."""
    ours = ImagePreprocessor.from_config(config)
    actual = ours(image)
    expected = (theirs or reference(config))(image, return_tensors="np")["pixel_values"][0]
    assert actual.dtype == np.float32 and actual.shape == expected.shape == (3, *ours.size)
    step = ours.rescale_factor / np.array(ours.std)[:, None, None]
    assert (np.abs(actual - expected) / step).max() < 0.001  # a thousandth of a step: the pixels are the same


@pytest.mark.parametrize("name", CASES)
def test_equal_to_transformers(name: str) -> None:
    theirs = reference(CASES[name])
    for seed, size in enumerate(SIZES):
        check_equal(CASES[name], scene(*size, seed), theirs)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGBA"])
def test_other_modes_are_converted(mode: str) -> None:
    check_equal(CASES["clip"], scene(120, 90).convert(mode))


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    edge=st.integers(1, 300),
    crop=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    resample=st.sampled_from(list(Image.Resampling)),
)
@settings(deadline=None, max_examples=60)
def test_any_sizes_are_equal_to_transformers(
    width: int, height: int, edge: int, crop: tuple[int, int], resample: int
) -> None:
    config = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": edge},
        "crop_size": {"height": crop[0], "width": crop[1]},
        "resample": int(resample),
    }
    check_equal(config, scene(width, height))


@pytest.mark.parametrize("size", [(3, 1100), (1400, 4)])
@pytest.mark.parametrize("name", ["clip", "clip, lanczos", "convnext 224", "mobilenet_v2"])
def test_very_long_pictures_keep_only_what_the_crop_keeps(name: str, size: tuple[int, int]) -> None:
    """The window is resized instead of the whole, so a value may round the other way: one step of 255."""
    ours = ImagePreprocessor.from_config(CASES[name])
    image = scene(*size)
    expected = reference(CASES[name])(image, return_tensors="np")["pixel_values"][0]
    step = ours.rescale_factor / np.array(ours.std)[:, None, None]
    distance = np.abs(ours(image) - expected) / step
    assert distance.max() < 1.001 and distance.mean() < 0.01


@pytest.mark.parametrize("resample", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(60, 3000), (3000, 60), (500, 4000), (3, 90), (7, 500), (200, 200)])
def test_the_window_is_the_centre_of_the_whole(size: tuple[int, int], resample: int) -> None:
    """Against the slow way: the whole resized along its rows, then along its columns, then cropped.

    Each of the two passes may round a tie the other way, so two steps of 255 are allowed.
    """
    image = scene(*size)
    for width, height in ((size[0] * 3 // 2, size[1] * 3 // 2), (size[0] // 2 + 1, size[1] // 2 + 1)):
        whole = np.asarray(image.resize((width, size[1]), resample).resize((width, height), resample))
        window = np.asarray(_resize_centre(image, (height, width), (40, 50), resample))
        expected = _center_crop(whole, (min(40, height), min(50, width)))
        assert np.abs(window.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1)])
def test_an_extreme_picture_takes_neither_memory_nor_time(size: tuple[int, int]) -> None:
    values = ImagePreprocessor.from_config(CASES["clip"])(Image.new("RGB", size, (255, 0, 0)))
    # Red is (1 - mean) / std of the first channel.
    assert values.shape == (3, 224, 224)
    assert np.allclose(values[0], (1 - 0.48145466) / 0.26862954)


def test_values_by_hand() -> None:
    """ViT's rule: (v / 255 - 0.5) / 0.5, so black is -1, white is 1 and 51 is -0.6."""
    preprocessor = ImagePreprocessor.from_config({"image_processor_type": "ViTImageProcessor", "size": 2})
    image = Image.fromarray(np.array([[[0, 255, 51]] * 2] * 2, np.uint8))
    assert np.allclose(preprocessor(image), np.array([-1, 1, -0.6])[:, None, None])


def test_a_crop_larger_than_the_picture_pads_with_black_above_and_left() -> None:
    preprocessor = ImagePreprocessor(None, (4, 4), 2, 1.0, (0, 0, 0), (1, 1, 1))
    pixels = preprocessor.pixels(Image.new("RGB", (1, 3), (7, 7, 7)))[:, :, 0]
    # Height 3 in 4: ceil(1 / 2) = 1 row above; width 1 in 4: ceil(3 / 2) = 2 columns on the left.
    assert pixels.tolist() == [[0, 0, 0, 0], [0, 0, 7, 0], [0, 0, 7, 0], [0, 0, 7, 0]]


def test_a_batch_is_its_pictures() -> None:
    preprocessor = ImagePreprocessor.from_config(CASES["mobilenet_v2"])
    images = [scene(*size) for size in SIZES]
    batch = preprocessor.batch(images)
    assert batch.shape == (len(SIZES), 3, 224, 224) and batch.flags.c_contiguous
    for image, values in zip(images, batch, strict=True):
        assert np.array_equal(preprocessor(image), values)
    assert preprocessor.batch([]).shape == (0, 3, 224, 224)


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_reads_back_the_same(name: str, tmp_path: Path) -> None:
    preprocessor = ImagePreprocessor.from_config(CASES[name])
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor.to_config()))
    again = ImagePreprocessor.from_directory(tmp_path)
    assert again == preprocessor and again.fingerprint == preprocessor.fingerprint
    check_equal(preprocessor.to_config(), scene(101, 333))  # and transformers reads it the same too


def test_what_transformers_writes_is_read(tmp_path: Path) -> None:
    for name, config in CASES.items():
        reference(config).save_pretrained(tmp_path)
        assert ImagePreprocessor.from_directory(tmp_path) == ImagePreprocessor.from_config(config), name


def test_the_fingerprint_tells_every_option_apart() -> None:
    prints = {ImagePreprocessor.from_config(config).fingerprint for config in CASES.values()}
    same = {"mobilenet_v2", "mobilenet_v1", "clip", "chinese_clip"}
    assert len(prints) == len(CASES) - len(same) + 2


def test_old_files_take_the_class_from_the_model(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"size": 224, "crop_size": 224}')
    with pytest.raises(EncoderError, match="image_processor_type"):
        ImagePreprocessor.from_directory(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    assert ImagePreprocessor.from_directory(tmp_path) == ImagePreprocessor.from_config(CASES["clip"])


def test_a_processor_file_that_holds_the_options_is_read(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": CASES["siglip"]}))
    assert ImagePreprocessor.from_directory(tmp_path) == ImagePreprocessor.from_config(CASES["siglip"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_processor_type": "EfficientNetImageProcessor"}, "EfficientNet"),
        ({"image_processor_type": None}, "none"),
        ({"do_pad": True}, "do_pad"),
        ({"rescale_offset": True}, "rescale_offset"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order"),
        ({"crop_pct": 0.9}, "crop_pct"),
        ({"size_divisor": 32}, "size_divisor"),
        ({"auto_map": {"AutoImageProcessor": "code.Mine"}}, "auto_map"),
        ({"size": {"longest_edge": 224}}, "longest_edge"),
        ({"size": {"shortest_edge": 224, "longest_edge": 300}}, "longest_edge"),
        ({"size": 0}, "size"),
        ({"size": True}, "size"),
        ({"size": None}, "size"),
        ({"crop_size": None}, "crop_size"),
        ({"size": "224"}, "size"),
        ({"size": 10**9}, "size"),
        ({"do_center_crop": False}, "different sizes"),
        ({"do_center_crop": False, "do_resize": False}, "different sizes"),
        ({"crop_size": {"shortest_edge": 224}}, "crop_size"),
        ({"resample": 9}, "resample"),
        ({"resample": "bicubic"}, "resample"),
        ({"image_std": [0.5, 0, 0.5]}, "image_std"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
        ({"image_mean": "half"}, "image_mean"),
        ({"rescale_factor": math.nan}, "rescale_factor"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    config = {"image_processor_type": "CLIPImageProcessor"} | options
    with pytest.raises(EncoderError, match=words):
        ImagePreprocessor.from_config(config)


@pytest.mark.parametrize(
    "options",
    [{"rescale_offset": False}, {"do_pad": None}, {"pad_size": None}, {"processor_class": "CLIPProcessor"}],
)
def test_options_that_change_no_pixel_are_let_through(options: dict[str, Any]) -> None:
    assert ImagePreprocessor.from_config(CASES["clip"] | options) == ImagePreprocessor.from_config(
        CASES["clip"]
    )


def test_vit_that_crops_without_a_size_is_refused() -> None:
    with pytest.raises(EncoderError, match="crop_size"):
        ImagePreprocessor.from_config({"image_processor_type": "ViTImageProcessor", "do_center_crop": True})


def test_a_folder_without_or_with_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="save_pretrained"):
        ImagePreprocessor.from_directory(tmp_path)
    for content in (b"{", b"[]", b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "preprocessor_config.json").write_bytes(content)
        with pytest.raises(EncoderError, match="preprocessor_config"):
            ImagePreprocessor.from_directory(tmp_path)


@pytest.mark.slow
def test_real_pictures_and_a_real_encoder_are_equal_to_transformers() -> None:
    folder = measuring("encoders/mobilenet_v2")
    pictures = sorted(measuring("data/flipkart1050/images").glob("*"))[::40]
    assert pictures
    config = json.loads((folder / "preprocessor_config.json").read_text())
    assert ImagePreprocessor.from_directory(folder) == ImagePreprocessor.from_config(config)
    theirs = reference(config)
    for path in pictures:
        image = decode_image(path.read_bytes())
        for case in (config, CASES["clip"], CASES["convnext 224"]):
            check_equal(case, image, theirs if case is config else None)
