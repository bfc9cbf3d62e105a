"""The JSON files that lie in an encoder's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from motet.errors import EncoderError


def read_config(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None where there is no such file; raises ``EncoderError``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise EncoderError(f"{path} does not hold a JSON object")
    return content
