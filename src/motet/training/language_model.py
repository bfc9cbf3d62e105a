"""A causal language model from a local directory: loaded without code of its own, tried before anything is learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from motet.encoders.licences import licence_of
from motet.encoders.torch_files import own_name, refuse_random_weights, weight_files
from motet.encoders.torch_small_words import FAR_BELOW
from motet.errors import EncoderError, UsageError
from motet.preprocessing.configs import read_config
from motet.tasks.caption.language_decoder import embedding_of, read_on

MOST_NUMBERS = 520_000_000  # of float32: an ONNX graph is one file of at most 2 GiB
TOLERANCE = 1e-3


@dataclass(frozen=True)
class LanguageModel:
    """A language model whose words captions are written with: `end` is the token after which it stops."""

    name: str
    licence: str
    network: nn.Module
    tokenizer: Tokenizer
    end: int

    @property
    def vocabulary(self) -> int:
        """V, the numbers that it gives logits of."""
        return embedding_of(self.network).num_embeddings

    @property
    def positions(self) -> int | None:
        """How many positions it can read, None where it has no such bound."""
        config: Any = self.network.config
        found = getattr(config, "max_position_embeddings", None)
        return int(found) if found else None


def open_language_model(directory: Path, *, accept_licence: bool = False) -> LanguageModel:
    """Load a directory with `config.json`, safetensors and `tokenizer.json`, in float32 and eval mode.

    Raises UsageError for what is no such directory or may not be used, EncoderError for one that cannot be loaded, has
    weights missing, or cannot be continued from a prefix.
    """
    _check_directory(directory)
    licence = licence_of(directory)
    if licence.non_commercial and not accept_licence:
        raise UsageError(
            f"{directory}: its licence ({licence.name}, says {licence.read_in}) forbids commercial use: "
            "add --accept-licence if that suits you"
        )
    tokenizer = _tokenizer(directory)
    network = _load(directory)
    made = LanguageModel(
        own_name(directory), licence.name, network, tokenizer, _end(directory, network, tokenizer)
    )
    if tokenizer.get_vocab_size() > made.vocabulary or made.end >= made.vocabulary:
        raise EncoderError(
            f"{directory}: tokenizer.json has {tokenizer.get_vocab_size():,} tokens, the model {made.vocabulary:,}: "
            "they are not of one model; copy both again"
        )
    _check_continues(directory, network)
    return made


def _check_directory(directory: Path) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if not directory.is_dir():
        raise UsageError(f"--decoder {directory}: no such directory; name the folder of a language model")
    config = read_config(directory / "config.json")
    if config is None:
        raise UsageError(f"--decoder {directory}: no config.json here, so this is not a model directory")
    known = {name for names in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values() for name in _several(names)}
    named = _several(config.get("architectures") or [])
    if not known & set(named):
        found = ", ".join(named) or "its config.json names no architecture"
        raise UsageError(
            f"--decoder {directory}: this is no causal language model ({found}): "
            "name one that writes text (GPT-2, Llama, Qwen, SmolLM, ...)"
        )
    if not weight_files(directory):
        raise UsageError(f"--decoder {directory}: no .safetensors file (other weight formats are not read)")


def _several(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(map(str, names))


def _tokenizer(directory: Path) -> Tokenizer:
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise UsageError(
            f"--decoder {directory}: no tokenizer.json; save it with AutoTokenizer.from_pretrained(...).save_pretrained"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise EncoderError(f"{path}: cannot be read as a tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _load(directory: Path) -> nn.Module:
    from transformers import AutoModelForCausalLM, logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            directory,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # damaged files fail in any way, in any of three libraries
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EncoderError(f"{directory}: cannot be loaded as a language model: {reason}") from error
    network, info = loaded
    refuse_random_weights(directory, info["missing_keys"])
    numbers = sum(parameter.numel() for parameter in network.parameters())
    if numbers > MOST_NUMBERS:
        raise EncoderError(
            f"{directory}: {numbers:,} numbers do not fit into one ONNX file; name a model of at most "
            f"{MOST_NUMBERS:,}"
        )
    made: nn.Module = network.eval()
    return made


def _end(directory: Path, network: Any, tokenizer: Tokenizer) -> int:
    """The token that ends a text."""
    for file in ("generation_config.json", "config.json"):
        found = (read_config(directory / file) or {}).get("eos_token_id")
        if isinstance(found, list):
            found = found[0] if found else None
        if isinstance(found, int):
            return found
    named = (read_config(directory / "tokenizer_config.json") or {}).get("eos_token")
    named = named.get("content") if isinstance(named, dict) else named
    number = tokenizer.token_to_id(named) if isinstance(named, str) else None
    if number is None:
        raise EncoderError(
            f"{directory}: neither config.json (eos_token_id) nor tokenizer_config.json (eos_token) says which token "
            "ends a text: a caption would never stop"
        )
    return number


def _check_continues(directory: Path, network: Any) -> None:
    """Raise EncoderError where a text read in two parts is not what it is in one: then no prefix could be kept."""
    table = embedding_of(network)
    ids = torch.arange(6)[None] % table.num_embeddings
    places = torch.arange(6)
    bias = (places[None, :] > places[:, None])[None, None] * FAR_BELOW
    try:
        with torch.no_grad():
            wanted = network(input_ids=ids).logits[:, 4:]
            _, kept = read_on(network, table(ids[:, :4]), places[None, :4], bias[:, :, :4, :4], None)
            states, _ = read_on(network, table(ids[:, 4:]), places[None, 4:], bias[:, :, 4:], kept)
            found = network.get_output_embeddings()(states)
    except Exception as error:  # a model of another convention fails in any way
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EncoderError(f"{directory}: {_CANNOT} ({reason})") from error
    if float((found - wanted).abs().max()) > TOLERANCE * max(float(wanted.abs().max()), 1e-6):
        raise EncoderError(f"{directory}: {_CANNOT} (its logits are other ones)")


_CANNOT = "this kind of language model cannot go on from a prefix that is kept; GPT-2, Llama and Qwen can"
