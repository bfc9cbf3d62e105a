"""What lies in a Hugging Face model directory: its config, its weights, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from motet.errors import EncoderError
from motet.preprocessing.configs import read_config

WEIGHTS = "model.safetensors"
# Names of directories that do not tell one model from another; `motet pretrain` writes FOLDER/image and FOLDER/text.
_NAMES_OF_NONE = {"model", "models", "checkpoint", "output", "snapshot", "image", "text"}


def model_config(directory: Path) -> dict[str, Any]:
    """The content of `config.json`; EncoderError where there is none."""
    config = read_config(directory / "config.json")
    if config is not None:
        return config
    if not directory.is_dir():
        raise EncoderError(f"{directory}: no such directory")
    inside = [directory / name for name in ("image", "text") if (directory / name / "config.json").is_file()]
    if inside:
        named = " or ".join(map(str, inside))
        raise EncoderError(f"{directory}: this folder holds encoders and is none: name {named}")
    raise EncoderError(f"{directory}: no config.json here, so this is not a model directory")


def own_name(directory: Path) -> str:
    """A short name: the directory's, or, where that says nothing, the one the model was published under."""
    published = str(model_config(directory).get("_name_or_path", ""))
    name = directory.resolve().name
    if name.lower() in _NAMES_OF_NONE or len(name) == 40:
        name = published.rstrip("/").rsplit("/", 1)[-1] or directory.resolve().parent.name
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower()) or "model"


def weight_files(directory: Path) -> list[Path]:
    """The safetensors that hold a model's weights: `model.safetensors` alone where it is there, else all.

    The same weights often lie beside it once more, in the form of another library.
    """
    whole = directory / WEIGHTS
    return [whole] if whole.is_file() else sorted(directory.glob("*.safetensors"))


def refuse_random_weights(directory: Path, missing: Iterable[str]) -> None:
    """Raise EncoderError where weights of a network are missing in its files: transformers draws them at random."""
    lacking = sorted(missing)
    if lacking:
        raise EncoderError(
            f"{directory}: {len(lacking)} weights are missing ({', '.join(lacking[:3])}, ...): "
            "they would be random numbers"
        )
