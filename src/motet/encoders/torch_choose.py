"""From what a user writes (`auto`, a name, a directory, a hub id) to an encoder that is ready to encode.

`auto` never touches the network: it takes a recommended pretrained model that already lies in the local Hugging Face
cache, else the embedded encoder, and says which, and what would get a better one. A hub name that the user writes is
downloaded, after its size and licence are shown.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from motet.encoders.encoder import Encoder
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.registry import EMBEDDED, RECOMMENDED, Recommended, recommended
from motet.encoders.torch_pretrained import prepare
from motet.errors import EncoderError, UsageError

log = logging.getLogger("motet")
AUTO = "auto"
HUB_NAME = re.compile(r"^(?!\.)[\w.-]+/(?!\.)[\w.-]+$")
FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md")
DEFAULT = {"image": "descriptor", "text": "lexical", "tabular": "tabular"}


@dataclass(frozen=True)
class Found:
    """A pretrained model on this machine, and what is known of it."""

    directory: Path
    name: str | None
    licence: str | None


def open_encoder(wanted: str, modality: str, *, accept_licence: bool = False) -> Encoder:
    """Open the encoder that `wanted` names for a modality.

    Raises EncoderError where there is none, UsageError where its licence must be accepted first.
    """
    if wanted == AUTO:
        return _auto(modality)
    if (modality, wanted) in EMBEDDED:
        return EMBEDDED[modality, wanted]()
    found = _find(wanted, modality, accept_licence)
    return PretrainedEncoder(prepare(str(found.directory), modality, name=found.name, licence=found.licence))


def _auto(modality: str) -> Encoder:
    for model in recommended(modality):
        if model.non_commercial:
            continue
        snapshot = _in_local_cache(model.hub)
        if snapshot is not None:
            log.info("%s encoder: %s (from the local cache; %s)", modality, model.name, model.licence)
            return PretrainedEncoder(prepare(str(snapshot), modality, name=model.name, licence=model.licence))
    embedded = DEFAULT[modality]
    choices = recommended(modality)
    if choices:
        better = choices[0] if modality == "image" else choices[1]
        languages = f", {better.languages}" if better.languages else ""
        log.info(
            "%s encoder: %s (embedded, nothing to download). A pretrained one reads better: "
            "add --%s-encoder %s (%d MB%s, %s)",
            modality,
            embedded,
            modality,
            better.name,
            better.megabytes,
            languages,
            better.licence,
        )
    return EMBEDDED[modality, embedded]()


def _find(wanted: str, modality: str, accept_licence: bool) -> Found:
    if wanted and Path(wanted).expanduser().is_dir():
        return Found(Path(wanted).expanduser(), None, None)
    named = next((m for m in RECOMMENDED if wanted in (m.name, m.hub) and m.modality == modality), None)
    hub = named.hub if named is not None else wanted
    if not HUB_NAME.match(hub):
        names = [name for kind, name in EMBEDDED if kind == modality]
        names += [m.name for m in recommended(modality)]
        raise EncoderError(
            f"no {modality} encoder {wanted!r}: neither a directory here nor one of {', '.join(names)}, small; "
            "a hub name has the form owner/name"
        )
    if named is not None and named.non_commercial:
        _require_acceptance(named.hub, named.licence, accept_licence)
    snapshot = _in_local_cache(hub)
    if snapshot is not None:
        return Found(
            snapshot, named.name if named else hub.split("/")[1].lower(), named.licence if named else None
        )
    return _download(hub, named, accept_licence)


def _in_local_cache(hub: str) -> Path | None:
    """The newest snapshot of a hub model in the local cache that has weights; never touches the network."""
    from huggingface_hub import snapshot_download

    try:
        snapshot = Path(snapshot_download(hub, local_files_only=True))
    except (OSError, ValueError):
        return None
    usable = (snapshot / "config.json").is_file() and any(snapshot.glob("*.safetensors"))
    return snapshot if usable else None


def _download(hub: str, named: Recommended | None, accept_licence: bool) -> Found:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = HfApi().model_info(hub, files_metadata=True, timeout=20)
    except (OSError, ValueError, HfHubHTTPError, RuntimeError) as error:
        raise EncoderError(
            f"{hub}: not in the local cache, and the hub cannot be reached ({type(error).__name__}): "
            "give a local model directory, or leave the option out for an embedded encoder"
        ) from error
    sizes = [f.size or 0 for f in info.siblings or [] if f.rfilename.endswith(".safetensors")]
    if not sizes:
        raise EncoderError(f"{hub}: has no safetensors weights (other weight formats are not read)")
    card = info.card_data
    licence = (named.licence if named else None) or (card.get("license") if card else None) or "not stated"
    log.info("%s: %.0f MB, licence: %s", hub, sum(sizes) / 1e6, licence)
    if "nc" in str(licence).lower().split("-"):
        _require_acceptance(hub, str(licence), accept_licence)
    snapshot = Path(snapshot_download(hub, allow_patterns=list(FILES)))
    return Found(snapshot, named.name if named else hub.split("/")[1].lower(), str(licence))


def _require_acceptance(hub: str, licence: str, accepted: bool) -> None:
    if not accepted:
        raise UsageError(
            f"{hub}: its licence ({licence}) forbids commercial use: add --accept-licence if that suits you"
        )
