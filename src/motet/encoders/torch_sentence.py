"""What a sentence-transformers directory says its sentences are made of: its modules, and how it pools.

A model that does more than its network, a class token or a mean, and a scaling to unit length is refused: read
otherwise than it was trained, its features would be silently worse.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from motet.errors import EncoderError
from motet.preprocessing.configs import read_config

# A scaling to unit length is left out: heads standardise what they read.
_KNOWN = {"Transformer", "Pooling", "Normalize"}
_POOLINGS = {"cls": "cls", "mean": "mean"}
_MODES = {  # as files of older versions name them; the mean is chosen where nothing is said
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


def sentence_pooling(directory: Path) -> str | None:
    """Return "cls" or "mean", or None where the directory is not of sentence-transformers.

    Raises EncoderError for a pooling or a module that is not read, and for files that cannot be.
    """
    modules = _modules(directory / "modules.json")
    odd = sorted({kind for kind, _ in modules if kind not in _KNOWN})
    if odd:
        raise EncoderError(
            f"{directory / 'modules.json'}: this model has a module {', '.join(odd)} after its network, which is "
            f"not read (only {', '.join(sorted(_KNOWN))} are): its sentences would get other features"
        )
    path = next((path for kind, path in modules if kind == "Pooling"), "1_Pooling")
    described = directory / path / "config.json"
    said = read_config(described)
    if said is None:
        return None
    chosen = _chosen(said)
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise EncoderError(
            f"{described}: pooling by {' and '.join(chosen) or 'nothing'} is not read: "
            "only by the class token (cls) or by the mean of tokens (mean)"
        )
    return _POOLINGS[chosen[0]]


def _chosen(said: dict[str, Any]) -> list[str]:
    newer = said.get("pooling_mode")
    if newer:
        return [str(mode) for mode in newer] if isinstance(newer, list) else [str(newer)]
    chosen = [mode for key, mode in _MODES.items() if said.get(key)]
    return chosen or (["mean"] if said.get("pooling_mode_mean_tokens", True) else [])


def _modules(path: Path) -> list[tuple[str, str]]:
    """(class, folder) of each module in order; [] where there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        return [(str(module["type"]).rsplit(".", 1)[-1], str(module["path"])) for module in content]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(f"{path} cannot be read as JSON: {error}") from None
    except (TypeError, LookupError):
        raise EncoderError(f"{path} is not a list of modules, each with a type and a path") from None
