"""A Hugging Face model directory or hub name becomes a prepared encoder directory: exported once, then torch-free.

Only safetensors are read, and no code that comes with a model is ever run. Pooling follows the model's own convention,
is chosen once, and is recorded: a sentence-transformers `1_Pooling/config.json` where there is one; else the pooler of
vision models that have a trained one, else the class token, else the mean; for words the mean over the mask; for
sounds the pooler of those that have a trained one (AST), else the mean over time. Where a user names another (`cls`,
`mean`, `max`), it is taken over the last layer, without the projection of a CLIP-like model, which was trained on the
model's own.
SigLIP reads words as it was trained: every text at its full length, padding unmasked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from motet.encoders.cache import cache_directory
from motet.encoders.licences import licence_of
from motet.encoders.torch_export import Inputs, export_onnx
from motet.encoders.torch_pooling import POOLINGS, pooled_over
from motet.encoders.torch_sentence import sentence_pooling
from motet.encoders.torch_sounds import PooledSound, example_sounds, listening_part, sound_pooling
from motet.errors import EncoderError
from motet.preprocessing import AudioPreprocessor, ImagePreprocessor, WordPreprocessor
from motet.preprocessing.audio import WAVEFORM_SECONDS
from motet.preprocessing.configs import read_config

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
WEIGHTS = "model.safetensors"
# Names of directories that do not tell one model from another; `motet pretrain` writes FOLDER/image and FOLDER/text.
_NAMES_OF_NONE = {"model", "models", "checkpoint", "output", "snapshot", "image", "text"}


class PooledVision(nn.Module):
    """Picture network with one output convention: pixel_values [B, 3, H, W] -> pooled [B, D], tokens [B, T, D]."""

    def __init__(self, network: nn.Module, pooling: str, projection: nn.Module | None) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling
        self.projection = projection

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pooled and token features."""
        made = self.network(pixel_values=pixel_values)
        tokens = made.last_hidden_state
        if tokens.dim() == 4:  # a map of a convolutional network: [B, D, h, w] -> [B, h * w, D]
            tokens = tokens.flatten(2).transpose(1, 2)
        if self.pooling != "pooler":
            return pooled_over(tokens, self.pooling), tokens
        pooled = made.pooler_output.flatten(1)
        return pooled if self.projection is None else self.projection(pooled), tokens


class PooledWords(nn.Module):
    """Word network with one output convention: input_ids, attention_mask [B, T] -> pooled [B, D], tokens [B, T, D]."""

    def __init__(
        self,
        network: nn.Module,
        pooling: str,
        projection: nn.Module | None,
        padded: tuple[int, int] | None = None,
    ) -> None:
        """Take over a network; `padded`: (length, padding number) where it reads all texts at one length, unmasked."""
        super().__init__()
        self.network = network
        self.pooling = pooling
        self.projection = projection
        self.padded = padded

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pooled and token features."""
        if self.padded is not None:
            length, padding = self.padded
            input_ids = nn.functional.pad(input_ids, (0, length - input_ids.shape[1]), value=padding)
            attention_mask = torch.ones_like(input_ids)
        made = self.network(input_ids=input_ids, attention_mask=attention_mask)
        tokens = made.last_hidden_state
        if self.pooling != "pooler":
            return pooled_over(tokens, self.pooling, attention_mask), tokens
        pooled = made.pooler_output
        return pooled if self.projection is None else self.projection(pooled), tokens


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
    _config(directory)
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


def own_name(directory: Path) -> str:
    """A short name: the directory's, or, where that says nothing, the one the model was published under."""
    published = str(_config(directory).get("_name_or_path", ""))
    name = directory.resolve().name
    if name.lower() in _NAMES_OF_NONE or len(name) == 40:
        name = published.rstrip("/").rsplit("/", 1)[-1] or directory.resolve().parent.name
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower()) or "model"


def load(directory: Path, modality: str, pooling: str | None = None) -> nn.Module:
    """Load a model directory as `PooledVision`, `PooledWords` or `PooledSound`, float32, in eval mode.

    A network of the project's own (`torch_small`) is given as it is: it has the same inputs and outputs.
    """
    from motet.encoders import torch_small  # which exports with what stands here

    if _config(directory).get("model_type") in torch_small.MODEL_TYPES:
        return torch_small.load_as(directory, modality, pooling)
    from transformers import AutoModel, logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, info = AutoModel.from_pretrained(
            directory,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # damaged files fail in any way, in any of three libraries
        raise EncoderError(
            f"{directory}: cannot be loaded as a model: {next(iter(str(error).splitlines()), type(error).__name__)}"
        ) from error
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise EncoderError(
            f"{directory}: {len(missing)} weights are missing ({', '.join(missing[:3])}, ...): "
            "they would be random numbers"
        )
    pooler_is_random = any("pooler" in key for key in info["missing_keys"])
    part, projection = _part(model, modality)
    if pooling is None:
        pooling = _pooling(directory, model, part, modality, pooler_is_random)
    elif pooling == "cls" and not _has_class_token(directory, model, part, modality):
        raise EncoderError(f"{directory}: this model has no class token to be pooled by: name mean or max")
    if modality == "image":
        return PooledVision(part, pooling, projection).eval()
    if modality == "audio":
        return PooledSound(part, pooling).eval()
    return PooledWords(part, pooling, projection, _padded(part)).eval()


def _part(model: nn.Module, modality: str) -> tuple[nn.Module, nn.Module | None]:
    """The network of one modality and its projection: the whole model, or one side of a CLIP-like one."""
    if modality == "audio":
        return listening_part(model), None
    side = getattr(model, "vision_model" if modality == "image" else "text_model", None)
    if side is None:
        return model, None
    return side, getattr(model, "visual_projection" if modality == "image" else "text_projection", None)


def _padded(part: nn.Module) -> tuple[int, int] | None:
    """(length, padding number) of a text network that was trained on texts of one length, padding unmasked."""
    config: Any = part.config
    if config.model_type not in {"siglip_text_model", "siglip2_text_model"}:
        return None
    return int(config.max_position_embeddings), int(config.pad_token_id)


def _pooling(
    directory: Path, model: nn.Module, part: nn.Module, modality: str, pooler_is_random: bool
) -> str:
    recorded = read_config(directory / "encoder.json") or {}
    if recorded.get("pooling") in {*POOLINGS, "pooler"}:
        return str(recorded["pooling"])
    sentence = sentence_pooling(directory) if modality == "text" else None
    if sentence is not None:
        return sentence
    if modality == "audio":
        return sound_pooling(model, pooler_is_random)
    if part is not model:
        return "pooler"
    if modality == "text":
        return "mean"
    config: Any = model.config
    convolutional = not hasattr(config, "num_attention_heads")
    has_pooler = convolutional or getattr(model, "pooler", None) is not None
    if has_pooler and not pooler_is_random:
        return "pooler"
    return "cls" if _has_class_token(directory, model, part, modality) else "mean"


def _has_class_token(directory: Path, model: nn.Module, part: nn.Module, modality: str) -> bool:
    """Whether the first position sums up: a learned token of a picture, or the token that a tokenizer begins with."""
    if modality == "text":
        said = read_config(directory / "tokenizer_config.json") or {}
        own = part is model and not getattr(model.config, "is_decoder", False)
        return own and said.get("padding_side") != "left"
    embeddings = getattr(part, "embeddings", None)
    return modality == "image" and any(hasattr(embeddings, name) for name in ("cls_token", "class_embedding"))


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


def _config(directory: Path) -> dict[str, Any]:
    config = read_config(directory / "config.json")
    if config is None:
        raise EncoderError(f"{directory}: no config.json here, so this is not a model directory")
    return config


def _check_preprocessing(directory: Path, modality: str) -> None:
    """Raise EncoderError, naming the user's own file, before a large model is loaded."""
    if modality == "image":
        ImagePreprocessor.from_directory(directory)
    elif modality == "audio":
        AudioPreprocessor.from_directory(directory)
    elif (directory / "tokenizer.json").is_file():
        WordPreprocessor.from_directory(directory, max_length=TEXT_LENGTH)


def weight_files(directory: Path) -> list[Path]:
    """The safetensors that hold a model's weights: `model.safetensors` alone where it is there, else all.

    The same weights often lie beside it once more, in the form of another library.
    """
    whole = directory / WEIGHTS
    return [whole] if whole.is_file() else sorted(directory.glob("*.safetensors"))


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
