"""The files of the `small` encoders: one of pictures (`torch_small_vision`), one of words (`torch_small_words`).

Both have the output convention of every encoder: pooled [B, D] and tokens [B, T, D]. `write_encoder` makes
the prepared directory that the running wing opens without PyTorch; from its `config.json` and
`model.safetensors` `load` makes the network again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from motet.encoders.registry import FROM_SCRATCH
from motet.encoders.torch_export import export_onnx
from motet.encoders.torch_files import model_config
from motet.encoders.torch_pretrained import example_inputs
from motet.encoders.torch_small_vision import SmallVision, VisionConfig
from motet.encoders.torch_small_words import SmallWords, WordsConfig
from motet.errors import EncoderError
from motet.preprocessing import ImagePreprocessor, WordPreprocessor

FORMAT = 1  # counts up whenever the same weights would mean other numbers
KEPT = 16  # prepared `small` encoders that stay in a folder, the newest,
KEPT_SECONDS = 3600.0  # beside those that a training may still be about to copy into its model directory


MODEL_TYPES = {VisionConfig.model_type: "image", WordsConfig.model_type: "text"}
Network = SmallVision | SmallWords
Preprocessor = ImagePreprocessor | WordPreprocessor


def load(directory: Path) -> Network:
    """Make a network again from its `config.json` and `model.safetensors`, in eval mode.

    Raises EncoderError where they are not of a `small` encoder, or do not fit each other.
    """
    config = model_config(directory)
    try:
        network = _build(config)
        network.load_state_dict(load_file(directory / "model.safetensors"))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise EncoderError(f"{directory}: cannot be loaded as a `small` encoder: {reason}") from error
    return network.eval()


def load_as(directory: Path, modality: str, pooling: str | None = None) -> Network:
    """As `load`, of a network that a user names as an encoder of `modality`.

    Raises EncoderError where it reads another modality, or is to be pooled in another way than it was trained.
    """
    refuse_other_modality(directory, modality)
    network = load(directory)
    if pooling not in (None, network.pooling):
        raise EncoderError(
            f"{directory}: a `small` encoder is pooled by the {network.pooling}, as it was trained, not by {pooling}: "
            "leave its pooling out"
        )
    return network


def refuse_other_modality(directory: Path, modality: str) -> None:
    """Raise EncoderError for a `small` encoder of another modality."""
    reads = MODEL_TYPES.get(model_config(directory).get("model_type", ""), modality)
    if reads != modality:
        raise EncoderError(f"{directory}: this `small` encoder reads {reads}, not {modality}")


def write_encoder(network: Network, preprocessor: Preprocessor, folder: Path) -> Path:
    """Write the prepared encoder directory `folder`/<identity> and return its path.

    The identity is a hash of everything that decides the features. The directory is written beside its place
    and renamed into it; where it is there already, nothing is done. A model directory holds its own copy, so
    of earlier `small` encoders in `folder` only the newest stay. Raises EncoderError where the ONNX graph does not
    give the network's numbers.
    """
    network = network.cpu().eval()
    modality = "image" if isinstance(network, SmallVision) else "text"
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    place = folder / _identity(network, preprocessor, weights)
    if (place / "encoder.json").is_file():
        place.touch()
        return place
    folder.mkdir(parents=True, exist_ok=True)
    _remove_old(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as made:
        making = Path(made) / "encoder"
        making.mkdir()
        _write_json(making / "config.json", asdict(network.config))
        save_file(weights, making / "model.safetensors", metadata={"format": "pt"})
        if isinstance(preprocessor, WordPreprocessor):
            preprocessor.save(making)
        else:
            _write_json(making / "preprocessor_config.json", preprocessor.to_config())
        maximum = preprocessor.max_length if isinstance(preprocessor, WordPreprocessor) else None
        example, check, dynamic = example_inputs(making, modality, maximum)
        export_onnx(
            network, example, check, making / "model.onnx", outputs=("pooled", "tokens"), dynamic=dynamic
        )
        described = {
            "kind": "pretrained",
            "name": FROM_SCRATCH,
            "modality": modality,
            "width": network.width,
            "token_width": network.width,
            "pooling": network.pooling,
            "max_tokens": maximum,
            "licence": "Apache-2.0",
            "identity": place.name,
        }
        _write_json(making / "encoder.json", described)
        if not place.exists():
            making.rename(place)
    return place


def _remove_old(folder: Path) -> None:
    """Remove `small` encoders beyond the newest, but none that was made or asked for within the hour."""
    made: list[tuple[float, Path]] = []
    for place in folder.iterdir():
        with contextlib.suppress(
            OSError, ValueError, LookupError, TypeError
        ):  # others may be removing as well
            config = json.loads((place / "config.json").read_text(encoding="utf-8"))
            if config["model_type"] in {VisionConfig.model_type, WordsConfig.model_type}:
                made.append((place.stat().st_mtime, place))
    for used, place in sorted(made, reverse=True)[KEPT:]:
        if time.time() - used > KEPT_SECONDS:
            shutil.rmtree(place, ignore_errors=True)


def _build(config: dict[str, Any]) -> Network:
    if config["model_type"] == VisionConfig.model_type:
        known = {field.name for field in fields(VisionConfig)}
        shape = {name: value for name, value in config.items() if name in known}
        return SmallVision(VisionConfig(**shape | {"widths": tuple(config["widths"])}))
    if config["model_type"] == WordsConfig.model_type:
        known = {field.name for field in fields(WordsConfig)}
        return SmallWords(WordsConfig(**{name: value for name, value in config.items() if name in known}))
    raise ValueError(f"model_type is {config['model_type']!r}")


def _identity(network: Network, preprocessor: Preprocessor, weights: dict[str, Tensor]) -> str:
    said = json.dumps([FORMAT, asdict(network.config), preprocessor.fingerprint], sort_keys=True)
    digest = hashlib.blake2b(said.encode(), digest_size=16)
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
