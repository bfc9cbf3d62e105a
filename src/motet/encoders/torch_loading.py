"""A Hugging Face model directory is loaded as a network of one output convention: pooled features, and tokens.

Only safetensors are read, and no code that comes with a model is ever run. Pooling follows the model's own convention:
a sentence-transformers `1_Pooling/config.json` where there is one; else the pooler of vision models that have a trained
one, else the class token, else the mean; for words the mean over the mask; for sounds the pooler of those that have a
trained one (AST), else the mean over time. Where a user names another (`cls`, `mean`, `max`), it is taken over the last
layer, without the projection of a CLIP-like model, which was trained on the model's own.
SigLIP reads words as it was trained: every text at its full length, padding unmasked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from motet.encoders.torch_files import model_config, refuse_random_weights
from motet.encoders.torch_pooling import POOLINGS, pooled_over
from motet.encoders.torch_sentence import sentence_pooling
from motet.encoders.torch_sounds import PooledSound, listening_part, sound_pooling
from motet.errors import EncoderError
from motet.preprocessing.configs import read_config


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


def load(directory: Path, modality: str, pooling: str | None = None) -> nn.Module:
    """Load a model directory as `PooledVision`, `PooledWords` or `PooledSound`, float32, in eval mode.

    A network of the project's own (`torch_small`) is given as it is: it has the same inputs and outputs.
    """
    from motet.encoders import torch_small  # which exports with what stands here

    if model_config(directory).get("model_type") in torch_small.MODEL_TYPES:
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
    refuse_random_weights(directory, (key for key in info["missing_keys"] if "pooler" not in key))
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
