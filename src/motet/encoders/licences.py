"""What a model's own card says of its licence, and whether that forbids commercial use."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

NOT_STATED = "not stated"
_CARD_LINES = 400  # of a card are read: its front matter is at the top
_KEY = re.compile(r"^(license|license_name):\s*(.*)$")
_ITEM = re.compile(r"^\s*-\s+(.+)$")
_PART = re.compile(r"[^a-z0-9]+")
# Parts of a name: "cc-by-nc-4.0", "research-only", "apple-amlr" (Apple Machine Learning Research), "apple-ascl".
_FORBIDS = {"nc", "noncommercial", "research", "amlr", "ascl"}


@dataclass(frozen=True)
class Licence:
    """A licence by name, and the file or place where it was read."""

    name: str
    read_in: str

    @property
    def non_commercial(self) -> bool:
        """The licence forbids commercial use."""
        return forbids_commercial_use(self.name)


def forbids_commercial_use(name: str) -> bool:
    """Tell by its name whether a licence forbids commercial use, as `cc-by-nc-4.0` does."""
    parts = _PART.split(name.casefold())
    return not _FORBIDS.isdisjoint(parts) or ("non", "commercial") in pairwise(parts)


def licence_of(directory: Path) -> Licence:
    """What a model directory says: the front matter of its README.md, else the encoder.json of a saved encoder."""
    card = directory / "README.md"
    named = _front_matter(card)
    if named:
        return Licence(named, str(card))
    recorded = directory / "encoder.json"
    try:
        said = json.loads(recorded.read_text(encoding="utf-8"))["licence"]
    except (OSError, ValueError, LookupError, TypeError):
        return Licence(NOT_STATED, str(directory))
    return Licence(str(said), str(recorded))


def card_name(licence: object, name: object) -> str:
    """One name from `license` (a name or several) and `license_name`, which says what `other` is."""
    names = [str(one) for one in (licence if isinstance(licence, list | tuple) else [licence]) if one]
    if name and (not names or names == ["other"]):
        names = [str(name)]
    return ", ".join(names)


def _front_matter(card: Path) -> str:
    """The licence in the lines between the first two `---` of a card; "" where there is none."""
    try:
        with card.open(encoding="utf-8-sig", errors="replace") as file:
            lines = [line.rstrip() for line, _ in zip(file, range(_CARD_LINES), strict=False)]
    except OSError:
        return ""
    if not lines or lines[0] != "---":
        return ""
    found: dict[str, list[str]] = {}
    key = ""
    for line in lines[1:]:
        if line == "---":
            break
        if match := _KEY.match(line):
            key = match[1]
            found[key] = _values(match[2])
        elif key and (item := _ITEM.match(line)):
            found[key] += _values(item[1])
        elif line.strip():
            key = ""
    return card_name(found.get("license"), ", ".join(found.get("license_name", [])))


def _values(text: str) -> list[str]:
    """The values of `a`, `"a"` or `[a, b]`; a comment after them is left out."""
    bare = re.sub(r"(^|\s)#.*$", "", text).strip().strip("[]")
    return [value for part in bare.split(",") if (value := part.strip().strip("\"'"))]
