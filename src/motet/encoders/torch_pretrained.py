"""A Hugging Face model directory or hub name becomes a prepared encoder directory: exported once, then torch-free.

It is loaded with its own way of pooling (`torch_loading`), which is chosen once and recorded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from motet.encoders.cache import cache_directory
from motet.encoders.licences import licence_of
from motet.encoders.torch_export import Inputs, export_onnx
from motet.encoders.torch_files import WEIGHTS, model_config, own_name, weight_files
from motet.encoders.torch_loading import load
from motet.encoders.torch_sentence import sentence_pooling
from motet.encoders.torch_sounds import example_sounds
from motet.errors import EncoderError
from motet.preprocessing import AudioPreprocessor, ImagePreprocessor, WordPreprocessor
from motet.preprocessing.audio import WAVEFORM_SECONDS

FORMAT = 4  # counts up whenever a prepared directory would be written differently
TEXT_LENGTH = 128  # word pieces read of a text at most, where the model itself does not ask for fewer
PREPROCESSING = (
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
SENTENCE_LENGTH = "sentence_bert_config.json"


def prepare(
    model: str,
    modality: str,
    *,
    pooling: str | None = None,
    name: str | None = None,
    licence: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Make (or find) the prepared directory of a local model directory.

    model : a directory with `config.json` and safetensors that AutoModel loads, or of a `small` encoder.
    pooling : `cls`, `mean` or `max`; default: the model's own convention.
    name : name of the source; default: the directory's or the model's own.
    folder : where prepared encoders lie; default the cache.

    Equal weights and preprocessing are exported once: a directory that was prepared under another name or licence
    is given again, and `PretrainedEncoder` is told what they are called this time.

    Raises EncoderError where it cannot be loaded, has weights missing, cannot be exported, has no class token to be
    pooled by, or is a sentence-transformers model whose features would be computed otherwise here.
    """
    directory = Path(model).expanduser()
    model_config(directory)
    if modality == "text" and pooling is None:
        sentence_pooling(directory)
    if not weight_files(directory):
        raise EncoderError(f"{directory}: no .safetensors file (other weight formats are not read)")
    identity = _identity(directory, modality, pooling)
    place = (folder or cache_directory() / "encoders") / identity
    if (place / "encoder.json").is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".making-") as made:
        making = Path(made) / "encoder"
        making.mkdir()
        _write(
            directory,
            making,
            modality,
            pooling,
            identity,
            name or own_name(directory),
            licence or licence_of(directory).name,
        )
        if not place.exists():
            making.rename(place)
    return place


def _write(
    directory: Path,
    making: Path,
    modality: str,
    pooling: str | None,
    identity: str,
    name: str,
    licence: str,
) -> None:
    _check_preprocessing(directory, modality)
    module = load(directory, modality, pooling)
    for file in (*PREPROCESSING, SENTENCE_LENGTH):
        if (directory / file).is_file():
            shutil.copyfile(directory / file, making / file)
    if modality == "text" and not (making / "tokenizer.json").is_file():
        _convert_tokenizer(directory, making)
    shutil.copyfile(directory / "config.json", making / "config.json")
    _copy_weights(directory, making)
    maximum = (
        WordPreprocessor.from_directory(making, max_length=TEXT_LENGTH).max_length
        if modality == "text"
        else None
    )
    padded: Any = getattr(module, "padded", None)
    if maximum is not None and padded is not None:
        # Longer than it was trained on, a text would lose its end, and with it the token that closes it.
        maximum = min(maximum, padded[0])
    example, check, dynamic = example_inputs(making, modality, maximum)
    export_onnx(module, example, check, making / "model.onnx", outputs=("pooled", "tokens"), dynamic=dynamic)
    with torch.no_grad():
        pooled, tokens = module(**example)
    described = {
        "kind": "pretrained",
        "name": name,
        "modality": modality,
        "width": int(pooled.shape[1]),
        "token_width": int(tokens.shape[2]),
        "pooling": module.pooling,
        "max_tokens": maximum,
        "max_seconds": WAVEFORM_SECONDS if modality == "audio" else None,
        "licence": licence,
        "identity": identity,
    }
    (making / "encoder.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def example_inputs(
    directory: Path, modality: str, max_tokens: int | None
) -> tuple[Inputs, Inputs, dict[str, dict[int, str]]]:
    """Inputs to trace with, inputs of another size to check with, and the axes that may change."""
    seeded = torch.Generator().manual_seed(0)
    if modality == "audio":
        return example_sounds(AudioPreprocessor.from_directory(directory), seeded)
    if modality == "image":
        height, width = ImagePreprocessor.from_directory(directory).size
        pixels = torch.rand(5, 3, height, width, generator=seeded) * 2 - 1
        axes = {"pixel_values": {0: "batch"}, "pooled": {0: "batch"}, "tokens": {0: "batch"}}
        return {"pixel_values": pixels[:2]}, {"pixel_values": pixels[2:]}, axes
    words = WordPreprocessor.from_directory(directory, max_length=max_tokens or TEXT_LENGTH)

    def tokens(*texts: str) -> Inputs:
        batch = next(iter(words.batches(texts, len(texts))))
        return {
            "input_ids": torch.from_numpy(batch.input_ids),
            "attention_mask": torch.from_numpy(batch.attention_mask),
        }

    sequence = {0: "batch", 1: "length"}
    axes = {"input_ids": sequence, "attention_mask": sequence, "pooled": {0: "batch"}, "tokens": sequence}
    return (
        tokens("a lamp", "a lamp of brass, 12 cm, with a shade"),
        tokens(
            "one", "a chair of oak and linen that is older than the house it stands in", "three words here"
        ),
        axes,
    )


def _identity(directory: Path, modality: str, pooling: str | None) -> str:
    length = WAVEFORM_SECONDS if modality == "audio" else TEXT_LENGTH
    digest = hashlib.blake2b(f"{FORMAT} {modality} {length} {pooling}".encode(), digest_size=16)
    names = [
        "config.json",
        *PREPROCESSING,
        SENTENCE_LENGTH,
        *(f"{path.parent.name}/config.json" for path in sorted(directory.glob("*Pooling*/config.json"))),
        "modules.json",
        *(path.name for path in weight_files(directory)),
    ]
    for name in names:
        path = directory / name
        if path.is_file():
            digest.update(name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _check_preprocessing(directory: Path, modality: str) -> None:
    """Raise EncoderError, naming the user's own file, before a large model is loaded."""
    from motet.encoders import torch_small  # which exports with what stands here

    torch_small.refuse_other_modality(directory, modality)
    if modality == "image":
        ImagePreprocessor.from_directory(directory)
    elif modality == "audio":
        AudioPreprocessor.from_directory(directory)
    elif (directory / "tokenizer.json").is_file():
        WordPreprocessor.from_directory(directory, max_length=TEXT_LENGTH)


def _copy_weights(directory: Path, making: Path) -> None:
    files = weight_files(directory)
    if len(files) == 1:
        shutil.copyfile(files[0], making / WEIGHTS)
        return
    from safetensors.torch import load_file, save_file

    tensors = {name: tensor for file in files for name, tensor in load_file(file).items()}
    save_file(tensors, making / WEIGHTS, metadata={"format": "pt"})


def _convert_tokenizer(directory: Path, making: Path) -> None:
    from transformers import AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(
            directory, trust_remote_code=False, local_files_only=True
        ).save_pretrained(making)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(
            f"{directory}: no tokenizer.json, and none can be made: {str(error).splitlines()[0]}"
        ) from error
    if not (making / "tokenizer.json").is_file():
        raise EncoderError(f"{directory}: its tokenizer has no fast form (tokenizer.json)")
