"""The `small` encoders in PyTorch: a compact residual network for pictures, a compact transformer for words.

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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from motet.encoders.registry import FROM_SCRATCH
from motet.encoders.torch_export import export_onnx
from motet.encoders.torch_files import model_config
from motet.encoders.torch_pretrained import example_inputs
from motet.errors import EncoderError
from motet.preprocessing import ImagePreprocessor, WordPreprocessor

FORMAT = 1  # counts up whenever the same weights would mean other numbers
KEPT = 16  # prepared `small` encoders that stay in a folder, the newest,
KEPT_SECONDS = 3600.0  # beside those that a training may still be about to copy into its model directory
PLACE_RANGE = 0.5  # standard deviation of the first embeddings of places: about that of what stands there
FAR_BELOW = -1e9  # added to the attention scores of padding; finite, so that nothing becomes NaN


@dataclass(frozen=True)
class VisionConfig:
    """Shape of the picture network: each of `widths` halves the side of the map, the first in the stem.

    places : whether each token has a learned embedding of its place added to it (as patches of ViT have: Dosovitskiy et
        al., arXiv 2010.11929, eq. 1), so that it tells where it is, as questions of left and right need.
    """

    side: int = 96  # pixels, height and width
    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    places: bool = False
    model_type: str = "motet_small_vision"


@dataclass(frozen=True)
class WordsConfig:
    """Shape of the word network. The names are those of Hugging Face where there are such.

    initializer_range : standard deviation of the first embeddings. Small ones make all words nearly alike behind the
        first attention, which is slow to learn from where single words matter, and overfits less where few do.
    """

    vocab_size: int
    hidden_size: int = 160
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    max_position_embeddings: int = 128
    dropout: float = 0.1
    initializer_range: float = 0.02
    pad_token_id: int = 0
    model_type: str = "motet_small_words"


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: [B, C, H, W] -> [B, D, H/2, W/2] (He et al., 2016, ResNet)."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        # Averaged before the 1x1 convolution, so that it sees every cell (ResNet-D, He et al., 2019).
        self.shortcut = nn.Conv2d(width_in, width, 1, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map of half the side."""
        inner = functional.relu(self.first_norm(self.first(x)))
        inner = self.second_norm(self.second(inner))
        halved = functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
        return functional.relu(inner + self.shortcut_norm(self.shortcut(halved)))


class SmallVision(nn.Module):
    """Picture network: pixel_values [B, 3, H, W] -> pooled [B, D], tokens [B, T, D].

    Tokens are the cells of the last map, row by row, with their places where the config says so; pooled is their mean.
    """

    pooling = "mean"

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.stem = nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(first)
        pairs = zip(config.widths, config.widths[1:], strict=False)
        self.blocks = nn.ModuleList(ResidualBlock(before, after) for before, after in pairs)
        self.width = config.widths[-1]
        self.places: nn.Parameter | None = None
        if config.places:
            side = -(-config.side // 2 ** len(config.widths))  # of the last map
            self.places = nn.Parameter(torch.randn(side * side, self.width) * PLACE_RANGE)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled and token features."""
        x = functional.relu(self.stem_norm(self.stem(pixel_values)))
        for block in self.blocks:
            x = block(x)
        tokens = x.flatten(2).transpose(1, 2)  # [B, D, h, w] -> [B, h * w, D]
        if self.places is not None:
            tokens = tokens + self.places
        return tokens.mean(dim=1), tokens


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and feed-forward layer: x [B, T, D], bias [B, 1, 1, T] -> [B, T, D]."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(
            width, width, bias=False
        )  # softmax is blind to a bias here: it would get no gradient
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Attend to every position that `bias` leaves, then transform each position."""
        inner = self.attention_norm(x)
        query, key, value = (self._split(part(inner)) for part in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        x = x + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_norm(x)))))
        return x

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(
            1, 2
        )  # [B, heads, T, D / heads]


class SmallWords(nn.Module):
    """Word network: input_ids, attention_mask [B, T] -> pooled [B, D], tokens [B, T, D].

    Pooled is the mean of the tokens over the mask; tokens of padding mean nothing.
    """

    pooling = "mean"

    def __init__(self, config: WordsConfig) -> None:
        super().__init__()
        self.config = config
        self.width = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, self.width)
        self.positions = nn.Embedding(config.max_position_embeddings, self.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(self.width, config.num_attention_heads, config.dropout)
            for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(self.width)
        nn.init.normal_(self.words.weight, std=config.initializer_range)
        nn.init.normal_(self.positions.weight, std=config.initializer_range)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled and token features."""
        position = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.dropout(self.words(input_ids) + self.positions(position))
        bias = (1 - attention_mask.to(x.dtype))[:, None, None, :] * FAR_BELOW
        for layer in self.layers:
            x = layer(x, bias)
        tokens = self.norm(x)
        weight = attention_mask.unsqueeze(-1).to(x.dtype)
        return (tokens * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1), tokens


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
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
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
