"""`motet.json`: what a model directory says about itself, in words a person can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from motet.data import Schema
from motet.errors import ModelError

FORMAT_VERSION = 1


@dataclass(frozen=True)
class SourceEntry:
    """One encoder of the model: `directory` lies under the model's own."""

    modality: str
    encoder: str
    directory: str
    width: int
    licence: str
    fingerprint: str
    engine: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadEntry:
    """One head: an ONNX graph over some sources -> logits [B, C]."""

    file: str
    sources: tuple[str, ...]
    kind: str  # "unimodal", or the name of the fusion strategy


@dataclass(frozen=True)
class Member:
    """A head's part in a pattern's answer."""

    head: str
    weight: float = 1.0


@dataclass(frozen=True)
class PatternEntry:
    """How rows of one pattern are answered: heads, the rule that combines them, the temperature, and why.

    Without members the answer is the prior: the share of each class among the training rows.
    """

    rule: str
    members: tuple[Member, ...]
    temperature: float
    chosen: str
    why: str


@dataclass(frozen=True)
class Manifest:
    """All of `motet.json` but the hashes of the files, which the directory keeps."""

    task: str
    classes: tuple[str, ...]
    class_type: str
    prior: tuple[float, ...]
    schema: Schema
    sources: dict[str, SourceEntry]
    heads: dict[str, HeadEntry]
    patterns: dict[str, PatternEntry]
    baselines: dict[str, str]
    training: dict[str, Any]
    seed: int
    versions: dict[str, str]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that the model reads, in canonical order."""
        return self.schema.modalities

    def to_json(self) -> dict[str, Any]:
        """As it stands in `motet.json`."""
        return {
            "format": "motet",
            "format_version": FORMAT_VERSION,
            **asdict(self),
            "schema": self.schema.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> Manifest:
        """Read what `to_json` made; ModelError where it is of another format or version."""
        if data.get("format") != "motet":
            raise ModelError(f"{where}: this is not a model that motet wrote")
        if data.get("format_version") != FORMAT_VERSION:
            raise ModelError(
                f"{where}: format version {data.get('format_version')}, this motet reads {FORMAT_VERSION}: "
                "install the version of motet that is named in it"
            )
        try:
            return cls(
                task=data["task"],
                classes=tuple(data["classes"]),
                class_type=data["class_type"],
                prior=tuple(data["prior"]),
                schema=Schema.from_json(data["schema"]),
                sources={name: SourceEntry(**entry) for name, entry in data["sources"].items()},
                heads={
                    name: HeadEntry(entry["file"], tuple(entry["sources"]), entry["kind"])
                    for name, entry in data["heads"].items()
                },
                patterns={
                    name: PatternEntry(
                        **{**entry, "members": tuple(Member(**member) for member in entry["members"])}
                    )
                    for name, entry in data["patterns"].items()
                },
                baselines=data["baselines"],
                training=data["training"],
                seed=data["seed"],
                versions=data["versions"],
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(f"{where}: motet.json is damaged ({error})") from error
