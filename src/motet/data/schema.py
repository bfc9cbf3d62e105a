"""What each column is: its kind, its role, and for inputs its modality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal, get_args

from motet.errors import TableError, UsageError

Kind = Literal["image", "text", "audio", "numeric", "categorical", "vector", "other"]
Mark = Literal[".", ","]
Role = Literal["input", "label", "question", "answer", "group", "split", "id", "weight", "ignored"]
MODALITIES = ("image", "text", "audio", "tabular")  # canonical order; vector columns follow, by name
MAX_MODALITIES = 6
"""Most modalities of one schema: each doubles the patterns, all of which are chosen for and reported."""

_MODALITY_OF_KIND = {
    "image": "image",
    "text": "text",
    "audio": "audio",
    "numeric": "tabular",
    "categorical": "tabular",
}
READ: tuple[Role, ...] = ("input", "question")  # roles of columns that models read
_NONE = "none"  # the pattern of a row without any modality


@dataclass(frozen=True)
class Column:
    """One column: what its values are (`kind`), what it is used for (`role`), and why that was decided.

    decimal : what marks decimals in a column of numbers that are written as text, where its cells tell.
    """

    name: str
    kind: Kind
    role: Role
    modality: str | None = None
    why: str = ""
    decimal: Mark | None = None


@dataclass(frozen=True)
class Schema:
    """The columns of a table with their roles; saved with the model and printed by `motet inspect`."""

    columns: tuple[Column, ...]

    def _one(self, role: Role) -> str | None:
        return next((column.name for column in self.columns if column.role == role), None)

    @property
    def label(self) -> str | None:
        """Name of the label column."""
        return self._one("label")

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the columns of reference answers, in table order."""
        return tuple(column.name for column in self.columns if column.role == "answer")

    @property
    def split(self) -> str | None:
        """Name of the column that says train, validation or test."""
        return self._one("split")

    @property
    def group(self) -> str | None:
        """Name of the column whose values must not be on two sides of a split."""
        return self._one("group")

    @property
    def weight(self) -> str | None:
        """Name of the column that says how much each row counts in training."""
        return self._one("weight")

    @property
    def id(self) -> str | None:
        """Name of the column that names each row."""
        return self._one("id")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the columns that are read, in canonical order; a question is text."""
        return _ordered({c.modality for c in self.columns if c.role in READ and c.modality is not None})

    def inputs(self, modality: str, kind: Kind | None = None) -> tuple[str, ...]:
        """Names of the columns that are read as one modality, in table order (of one kind, where it is given)."""
        return tuple(
            column.name
            for column in self.columns
            if column.role in READ and column.modality == modality and kind in (None, column.kind)
        )

    @property
    def numbers(self) -> tuple[Column, ...]:
        """The input columns of numbers, in table order."""
        return tuple(column for column in self.columns if column.role == "input" and column.kind == "numeric")

    def decimal(self, name: str | None) -> Mark | None:
        """What marks decimals in a column, where it is known."""
        return next((column.decimal for column in self.columns if column.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON data."""
        return {"columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Read what `to_json` wrote; TableError where it is not a schema."""
        try:
            columns = tuple(Column(**column) for column in data["columns"])
        except (KeyError, TypeError) as error:
            raise TableError(f"this is not a schema: {error}") from None
        for column in columns:
            if column.decimal not in (None, *get_args(Mark)):
                raise TableError(f"column {column.name!r}: unknown decimal mark {column.decimal!r}")
            if column.kind not in get_args(Kind) or column.role not in get_args(Role):
                raise TableError(
                    f"column {column.name!r}: unknown kind {column.kind!r} or role {column.role!r}"
                )
        return cls(columns)


def modality_of(kind: Kind, name: str) -> str:
    """Return the modality of an input column: its own name where it is a vector.

    Raises UsageError for a vector column whose name cannot stand in a pattern: one that a modality has, or with
    a "+", "/", "\\" or ":" in it.
    """
    if kind in _MODALITY_OF_KIND:
        return _MODALITY_OF_KIND[kind]
    if name.strip().casefold() in (*MODALITIES, _NONE, ""):
        raise UsageError(
            f"vector column {name!r}: a vector is a modality called like its column, and {name!r} is another: "
            "rename the column"
        )
    if any(c in "+/\\:" or not c.isprintable() for c in name):
        raise UsageError(
            f"vector column {name!r}: its name becomes the name of a modality, which has no '+', '/', '\\', ':' "
            "or control character: rename the column"
        )
    return name


def modality_kind(modality: str) -> str:
    """Return what a modality is made of: `image`, `text`, `audio`, `tabular`, or `vector` for any other name."""
    return modality if modality in MODALITIES else "vector"


def pattern_name(present: Iterable[str]) -> str:
    """Return the name of a set of modalities, in canonical order: "image+text", "none"."""
    return "+".join(_ordered(set(present))) or _NONE


def all_patterns(modalities: Iterable[str]) -> list[str]:
    """Return the name of every subset of the modalities, fullest first, "none" last."""
    names = _ordered(set(modalities))
    return [
        pattern_name(subset) for size in range(len(names), -1, -1) for subset in combinations(names, size)
    ]


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(m for m in MODALITIES if m in names) + tuple(sorted(names.difference(MODALITIES)))
