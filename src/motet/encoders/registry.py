"""Names of encoders: what is embedded, what is recommended, and how a saved one is opened again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motet.data import modality_kind
from motet.data.scripts import Script
from motet.encoders import word_vectors
from motet.encoders.audio_descriptor import AudioDescriptorEncoder
from motet.encoders.descriptor import DescriptorEncoder
from motet.encoders.encoder import Encoder
from motet.encoders.lexical import LexicalEncoder
from motet.encoders.licences import forbids_commercial_use
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.tabular import TabularEncoder
from motet.encoders.vector import VectorEncoder
from motet.errors import EncoderError, UsageError

# By what a modality is made of (`data.modality_kind`) and the encoder's name.
EMBEDDED: dict[tuple[str, str], Callable[..., Encoder]] = {
    ("text", "lexical"): LexicalEncoder,
    ("image", "descriptor"): DescriptorEncoder,
    ("audio", "descriptor"): AudioDescriptorEncoder,
    ("tabular", "tabular"): TabularEncoder,
    ("vector", "vector"): VectorEncoder,
}
DEFAULT = {
    "image": "descriptor",
    "text": "lexical",
    "audio": "descriptor",
    "tabular": "tabular",
    "vector": "vector",
}
HUB_NAME = re.compile(r"^(?!\.)[\w.-]+/(?!\.)[\w.-]+$")  # of the Hugging Face hub: OWNER/NAME
FROM_SCRATCH = "small"  # learned from the table's own rows: see motet.training.from_scratch

_LANGUAGE = {"latin": "English", "chinese": "Chinese"}  # what a model of few languages reads of each script


@dataclass(frozen=True)
class Recommended:
    """A pretrained model that is known to work well: hub name, modality, size, languages, licence."""

    name: str
    modality: str
    hub: str
    megabytes: int
    languages: str
    licence: str

    @property
    def non_commercial(self) -> bool:
        """The licence forbids commercial use: `--accept-licence` is needed."""
        return forbids_commercial_use(self.licence)

    def reads(self, script: Script) -> bool:
        """`languages` covers texts in this script."""
        return "languages" in self.languages or _LANGUAGE.get(script, "none") in self.languages


RECOMMENDED: tuple[Recommended, ...] = (
    Recommended("clip-b32", "image", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 605, "", "MIT"),
    Recommended("siglip-b16", "image", "google/siglip-base-patch16-224", 813, "", "Apache-2.0"),
    Recommended("dinov2-s", "image", "facebook/dinov2-small", 88, "", "Apache-2.0"),
    Recommended("mobilenet-v2", "image", "google/mobilenet_v2_1.0_224", 14, "", "Apache-2.0"),
    Recommended("vit-s16", "image", "WinKawaks/vit-small-patch16-224", 88, "", "Apache-2.0"),
    Recommended("minilm", "text", "sentence-transformers/all-MiniLM-L6-v2", 91, "English", "Apache-2.0"),
    Recommended(
        "multilingual-minilm",
        "text",
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        471,
        "50 languages, Chinese too",
        "Apache-2.0",
    ),
    Recommended("bge-small-zh", "text", "BAAI/bge-small-zh-v1.5", 96, "Chinese", "MIT"),
    Recommended(
        "multilingual-e5-small", "text", "intfloat/multilingual-e5-small", 471, "94 languages", "MIT"
    ),
)


def is_small(name: str) -> bool:
    """Whether a name is of an encoder that is learned with the task: `small`, or `small:DIRECTORY`, where it begins."""
    return name == FROM_SCRATCH or name.startswith(f"{FROM_SCRATCH}:")


def small_start(names: Iterable[str]) -> Path | None:
    """The directory of the `small` encoder that the one among these names begins as; None from scratch.

    Raises UsageError for `small:` of nothing.
    """
    said = next((name for name in names if is_small(name)), FROM_SCRATCH)
    if said == f"{FROM_SCRATCH}:":
        raise UsageError("`small:` names no directory to begin with: write small:DIRECTORY, or `small` alone")
    directory = said.removeprefix(FROM_SCRATCH).removeprefix(":")
    return Path(directory).expanduser() if directory else None


def embedded(modality: str, name: str | None = None) -> Encoder | None:
    """Make the embedded encoder of this name (default: the one that `auto` takes); None where there is none.

    modality : `image`, `text`, `audio`, `tabular`, or the name of a vector column.
    """
    kind = modality_kind(modality)
    made = EMBEDDED.get((kind, DEFAULT[kind] if name is None else name))
    if made is None:
        return None
    return made(modality) if kind == "vector" else made()


def recommended(modality: str) -> tuple[Recommended, ...]:
    """Recommended models of one modality, the first choice first."""
    return tuple(model for model in RECOMMENDED if model.modality == modality)


def save_encoder(encoder: Encoder, directory: Path) -> None:
    """Write an encoder so that `load_encoder` opens it without PyTorch; `directory` must not exist yet."""
    directory.mkdir(parents=True)
    encoder.save(directory)
    if not (directory / "encoder.json").exists():
        described: dict[str, Any] = {"kind": "embedded", "name": encoder.name, "modality": encoder.modality}
        (directory / "encoder.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def load_encoder(directory: Path) -> Encoder:
    """Open a saved encoder for the running wing."""
    described = json.loads((directory / "encoder.json").read_text(encoding="utf-8"))
    if described["kind"] == "pretrained":
        return PretrainedEncoder(directory)
    if described["kind"] == word_vectors.KIND:
        return word_vectors.WordVectorsEncoder.load(directory)
    made = EMBEDDED.get((modality_kind(described["modality"]), described["name"]))
    if made is None:
        raise EncoderError(
            f"{directory}: this version of motet knows no encoder {described['modality']}:{described['name']}"
        )
    load = getattr(made, "load", None)
    return load(directory) if load is not None else made()
