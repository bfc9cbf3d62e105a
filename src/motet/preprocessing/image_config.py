"""What a Hugging Face preprocessor_config.json means: the known classes, and what they leave unsaid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motet.errors import EncoderError
from motet.preprocessing.configs import read_config

_BILINEAR, _BICUBIC = 2, 3
_HALF = (0.5, 0.5, 0.5)
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

_COMMON: dict[str, Any] = {
    "do_resize": True,
    "resample": _BILINEAR,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": _HALF,
    "image_std": _HALF,
    "default_to_square": True,
}
_SQUARE_224 = {"height": 224, "width": 224}
_CLIP = _COMMON | {
    "size": {"shortest_edge": 224},
    "crop_size": _SQUARE_224,
    "resample": _BICUBIC,
    "do_center_crop": True,
    "image_mean": _CLIP_MEAN,
    "image_std": _CLIP_STD,
    "default_to_square": False,
}
_MOBILENET = _COMMON | {
    "size": {"shortest_edge": 256},
    "crop_size": _SQUARE_224,
    "do_center_crop": True,
    "default_to_square": False,
}

# What each class of transformers takes where its file says nothing.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "ViT": _COMMON | {"size": _SQUARE_224},
    "CLIP": _CLIP,
    "ChineseCLIP": _CLIP,
    "Bit": _CLIP,
    "Siglip": _COMMON | {"size": _SQUARE_224, "resample": _BICUBIC, "default_to_square": False},
    "Blip": _COMMON
    | {
        "size": {"height": 384, "width": 384},
        "resample": _BICUBIC,
        "image_mean": _CLIP_MEAN,
        "image_std": _CLIP_STD,
    },
    "ConvNext": _COMMON
    | {
        "size": {"shortest_edge": 384},
        "resample": _BICUBIC,
        "crop_pct": 224 / 256,
        "default_to_square": False,
    },
    "MobileNetV1": _MOBILENET,
    "MobileNetV2": _MOBILENET,
    "DeiT": _COMMON
    | {
        "size": {"height": 256, "width": 256},
        "crop_size": _SQUARE_224,
        "resample": _BICUBIC,
        "do_center_crop": True,
    },
}

# Old files do not name their class; transformers then goes by the model.
_MODEL_TYPES = {
    "vit": "ViT",
    "vit_mae": "ViT",
    "vit_msn": "ViT",
    "swin": "ViT",
    "swinv2": "ViT",
    "clip": "CLIP",
    "clip_vision_model": "CLIP",
    "chinese_clip": "ChineseCLIP",
    "bit": "Bit",
    "dinov2": "Bit",
    "siglip": "Siglip",
    "siglip_vision_model": "Siglip",
    "blip": "Blip",
    "convnext": "ConvNext",
    "convnextv2": "ConvNext",
    "resnet": "ConvNext",
    "regnet": "ConvNext",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "deit": "DeiT",
}

# Said in the files, and changing no pixel of an RGB picture.
_NEUTRAL = {
    "image_processor_type",
    "feature_extractor_type",
    "image_processor_class",
    "feature_extractor_class",
    "processor_class",
    "name_or_path",
    "_name_or_path",
    "_valid_processor_keys",
    "transformers_version",
    "do_convert_rgb",
    "do_reduce_labels",
    "reduce_labels",
    "return_tensors",
    "data_format",
    "input_data_format",
    "device",
    "disable_grouping",
    "num_channels",
}


def read_image_config(directory: Path) -> dict[str, Any]:
    """Return an encoder's picture preprocessing options as its folder says them, the class always named.

    Raises ``EncoderError`` where the folder has no such file or the class cannot be told.
    """
    config = read_config(directory / "preprocessor_config.json")
    if config is None:
        nested = (read_config(directory / "processor_config.json") or {}).get("image_processor")
        config = nested if isinstance(nested, dict) else None
    if config is None:
        raise EncoderError(
            f"{directory} has no preprocessor_config.json, so how it wants pictures is unknown; "
            "write it with AutoImageProcessor.from_pretrained(NAME).save_pretrained(FOLDER)"
        )
    if _class_of(config) is None:
        model_type = (read_config(directory / "config.json") or {}).get("model_type")
        if not isinstance(model_type, str) or model_type not in _MODEL_TYPES:
            raise EncoderError(
                f"{directory / 'preprocessor_config.json'} does not name its image_processor_type"
            )
        config = config | {"image_processor_type": f"{_MODEL_TYPES[model_type]}ImageProcessor"}
    return config


def complete_image_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that change pixels, what the class leaves unsaid filled in.

    A null is said: transformers takes it for "off". Sizes that are used come out as dictionaries.

    Raises ``EncoderError`` for a class or an option that is not known: another preprocessor than the encoder
    was trained with would quietly cost accuracy.
    """
    name = _class_of(config)
    if name not in _DEFAULTS:
        known = ", ".join(sorted(_DEFAULTS))
        raise EncoderError(
            f"image_processor_type {name or '(none)'!r} is not known; pictures are prepared as {known} do"
        )
    full = {"crop_size": None} | _DEFAULTS[name]
    off = {key for key, value in config.items() if value is None or value is False}
    idle = {"pad_size"} if "do_pad" in off or "do_pad" not in config else set()
    unknown = [key for key in config if key not in {*full, *_NEUTRAL, *off, *idle}]
    if unknown:
        raise EncoderError(
            f"{name} image processor: options that are not known and may change pixels: {', '.join(unknown)}"
        )
    full |= {key: value for key, value in config.items() if key in full}
    if full["do_resize"]:
        full["size"] = _size("size", full["size"], full["default_to_square"])
    if full["do_center_crop"]:
        full["crop_size"] = _size("crop_size", full["crop_size"], True)
    return full


def _class_of(config: Mapping[str, Any]) -> str | None:
    name = config.get("image_processor_type") or config.get("feature_extractor_type")
    if not isinstance(name, str):
        return None
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        name = name.removesuffix(ending)
    return name


def _size(key: str, value: Any, square: bool) -> dict[str, int]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = {"height": value, "width": value} if square else {"shortest_edge": value}
    elif isinstance(value, list | tuple) and len(value) == 2:
        value = {"height": value[0], "width": value[1]}
    if isinstance(value, Mapping):
        value = {name: length for name, length in value.items() if length is not None}
        if set(value) in ({"height", "width"}, {"shortest_edge"}) and all(map(_is_length, value.values())):
            return dict(value)
    raise EncoderError(
        f"{key} {value!r} is not known; use a number, height and width, or shortest_edge, of 1 to 8192 pixels"
    )


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 8192
