"""The trained thing as a directory: manifest, hashes, read and write. JSON, safetensors and ONNX only."""

from __future__ import annotations

from motet.model.card import model_card
from motet.model.directory import (
    MANIFEST,
    ModelDirectory,
    check_new_place,
    check_place,
    file_name,
    new_model_directory,
    read_files,
    sha256,
    write_files,
    write_manifest,
)
from motet.model.manifest import (
    CaptionEntry,
    HeadEntry,
    LanguageEntry,
    Manifest,
    Member,
    PartsEntry,
    PatternEntry,
    SourceEntry,
    SpaceEntry,
    TargetEntry,
)
from motet.model.metric_names import METRIC_NAMES, metric_name
from motet.model.table_digest import table_digest

__all__ = [
    "MANIFEST",
    "METRIC_NAMES",
    "CaptionEntry",
    "HeadEntry",
    "LanguageEntry",
    "Manifest",
    "Member",
    "ModelDirectory",
    "PartsEntry",
    "PatternEntry",
    "SourceEntry",
    "SpaceEntry",
    "TargetEntry",
    "check_new_place",
    "check_place",
    "file_name",
    "metric_name",
    "model_card",
    "new_model_directory",
    "read_files",
    "sha256",
    "table_digest",
    "write_files",
    "write_manifest",
]
